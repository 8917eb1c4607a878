import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { AdvisoryLockModule, currentTick, ExclusiveCron } from '../../../lib/index.js';

// One instance of a fleet with a job of each second, whose clock is wrong by some milliseconds.
const clockMs = Number(process.env.TEST_CLOCK_MS ?? 0);
const jobMs = Number(process.env.TEST_JOB_MS ?? 0);
// By default a run on demand, which has no tick, goes on until its instance is killed.
const manualMs = Number(process.env.TEST_MANUAL_MS ?? 600_000);
const tick = (process.env.TEST_TICK ?? 'record') as 'record';

const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args: unknown[]) {
    super(...((args.length === 0 ? [RealDate.now() + clockMs] : args) as [number]));
  }
  static override now(): number {
    return RealDate.now() + clockMs;
  }
} as DateConstructor;

@Injectable()
class Jobs {
  constructor(private readonly dataSource: DataSource) {}

  @ExclusiveCron('* * * * * *', { tick, lock: 'report' })
  async report(): Promise<void> {
    const at = currentTick()?.at.toISOString();
    await this.dataSource.query('INSERT INTO sent (tick_at, pid) VALUES ($1, $2)', [at, process.pid]);
    process.send?.({ tick: at });
    await sleep(at === undefined ? manualMs : Math.random() * jobMs);
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: process.env.TEST_URL ?? '', poolSize: 2 }),
    AdvisoryLockModule.forRoot(),
    ScheduleModule.forRoot(),
  ],
  providers: [Jobs],
})
class RecorderModule {}

await NestFactory.createApplicationContext(RecorderModule, { logger: ['error', 'warn'] });
process.send?.({ type: 'ready' });
