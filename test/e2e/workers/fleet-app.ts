import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { AdvisoryLockModule, AdvisoryLockService } from '../../../lib/index.js';

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: process.env.TEST_URL ?? '',
      poolSize: Number(process.env.TEST_POOL_SIZE ?? 2),
    }),
    AdvisoryLockModule.forRoot(),
  ],
})
class FleetModule {}

/** One instance of a fleet, without HTTP. */
export async function startInstance(): Promise<{
  locks: AdvisoryLockService;
  dataSource: DataSource;
  close: () => Promise<void>;
}> {
  const app = await NestFactory.createApplicationContext(FleetModule, { logger: ['error', 'warn'] });
  return { locks: app.get(AdvisoryLockService), dataSource: app.get(DataSource), close: () => app.close() };
}
