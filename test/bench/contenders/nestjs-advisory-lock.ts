import 'reflect-metadata';
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AdvisoryLockModule, AdvisoryLockService, WithAdvisoryLock } from 'nestjs-advisory-lock';
import { connectionName } from '../connection-counter.js';
import type { OpenContender } from '../contender.js';

@Injectable()
class LockedCalls {
  @WithAdvisoryLock((name: string) => name)
  call(_name: string, body: () => Promise<void>): Promise<void> {
    return body();
  }
}

@Module({ providers: [LockedCalls] })
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
  const calls = app.get(LockedCalls);
  return {
    withLock: (name, body) => locks.withLock(name, body),
    waitWithLock: (name, body) => locks.withLock(name, body, { waitMs: Infinity }),
    callLocked: (name, body) => calls.call(name, body),
    hold: (name) => locks.acquire(name),
    close: () => app.close(),
  };
};
