import 'reflect-metadata';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AdvisoryLockModule, AdvisoryLockService } from 'nestjs-advisory-lock';
import { connectionName } from '../connection-counter.js';
import type { OpenContender } from '../contender.js';

@Module({})
class BenchModule {}

export const open: OpenContender = async (url) => {
  Logger.overrideLogger(['warn', 'error']);
  const connectionOptions = { applicationName: connectionName('nestjs-advisory-lock') };
  const imports = [
    TypeOrmModule.forRoot({ type: 'postgres', url }),
    AdvisoryLockModule.forRoot({ connectionOptions }),
  ];
  const app = await NestFactory.createApplicationContext({ module: BenchModule, imports });
  const locks = app.get(AdvisoryLockService);
  return {
    withLock: (name, body) => locks.withLock(name, body),
    waitWithLock: (name, body) => locks.withLock(name, body, { waitMs: Infinity }),
    close: () => app.close(),
  };
};
