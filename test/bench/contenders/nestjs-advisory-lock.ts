import 'reflect-metadata';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AdvisoryLockModule, AdvisoryLockService } from 'nestjs-advisory-lock';
import type { OpenContender } from '../contender.js';

@Module({})
class BenchModule {}

export const open: OpenContender = async (url) => {
  Logger.overrideLogger(['warn', 'error']);
  const imports = [TypeOrmModule.forRoot({ type: 'postgres', url }), AdvisoryLockModule.forRoot()];
  const app = await NestFactory.createApplicationContext({ module: BenchModule, imports });
  const locks = app.get(AdvisoryLockService);
  return {
    withLock: (name, body) => locks.withLock(name, body),
    close: () => app.close(),
  };
};
