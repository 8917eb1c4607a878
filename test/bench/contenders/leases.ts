import 'reflect-metadata';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { ADVISORY_LEASE_SQL, AdvisoryLockModule, AdvisoryLockService } from 'nestjs-advisory-lock';
import type { DataSource } from 'typeorm';
import type { Contender } from '../contender.js';

@Module({})
class BenchModule {}

/** A namespace of its own keeps the rows of two contenders apart. */
export async function openLeases(url: string, namespace: string, durable: boolean): Promise<Contender> {
  Logger.overrideLogger(['warn', 'error']);
  const imports = [
    TypeOrmModule.forRoot({ type: 'postgres', url }),
    AdvisoryLockModule.forRoot({ namespace }),
  ];
  const app = await NestFactory.createApplicationContext({ module: BenchModule, imports });
  await app
    .get<DataSource>(getDataSourceToken())
    .query(ADVISORY_LEASE_SQL.replace('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS'));
  const locks = app.get(AdvisoryLockService);
  return {
    async withLock(name, body) {
      const lease = await locks.lease(name, { ttlMs: 10_000, durable });
      await body();
      await lease.release();
    },
    close: () => app.close(),
  };
}
