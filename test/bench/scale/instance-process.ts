import 'reflect-metadata';
import { type INestApplicationContext, Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { AdvisoryLockModule, AdvisoryLockService, ExclusiveCron } from 'nestjs-advisory-lock';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the applications of a process have done since they started. */
export interface ProcessReading {
  readonly cpuMs: number;
  /** How often one of them has had a hot key. */
  readonly turns: number;
  /** How many runs of jobs they have made. */
  readonly runs: number;
}

const HOT_KEYS = ['hot-1', 'hot-2', 'hot-3'];

/** For how long a hot key is held, and for how long a caller that had it pauses, in milliseconds. */
const HOLD_MS = 2;
const PAUSE_MS = 1_000;

/** A process with several instances of the application. */
const [, , url = '', size = '0', jobs = '0'] = process.argv;
let [turns, runs] = [0, 0];

@Injectable()
class Jobs {}
for (let n = 0; n < Number(jobs); n += 1) {
  const descriptor = { value: () => Promise.resolve((runs += 1)), configurable: true, writable: true };
  // Each minute, one job after the other.
  const cron = ExclusiveCron(`${Math.floor((n * 60) / Number(jobs))} * * * * *`);
  cron(Jobs.prototype, `job${n}`, descriptor);
  Object.defineProperty(Jobs.prototype, `job${n}`, descriptor);
}

@Module({ providers: [Jobs] })
class InstanceModule {}

async function call(locks: AdvisoryLockService, name: string): Promise<void> {
  while (process.connected) {
    await sleep(PAUSE_MS * (0.5 + Math.random()));
    await locks.withLock(name, () => sleep(HOLD_MS), { waitMs: Infinity });
    turns += 1;
  }
}

Logger.overrideLogger(['error']);
const applications: INestApplicationContext[] = [];
for (let n = 0; n < Number(size); n += 1) {
  const imports = [ScheduleModule.forRoot(), AdvisoryLockModule.forRoot({ postgres: url })];
  const application = await NestFactory.createApplicationContext({ module: InstanceModule, imports });
  // Opens the connection.
  await application.get(AdvisoryLockService).withLock(`${process.pid}:${n}`, () => undefined);
  applications.push(application);
}

process.on('message', (order: 'heat' | 'read') => {
  if (order === 'read') {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1_000, turns, runs } satisfies ProcessReading);
    return;
  }
  for (const application of applications) {
    const locks = application.get(AdvisoryLockService);
    // At the end the module closes while calls wait.
    for (const name of HOT_KEYS) void call(locks, name).catch(() => undefined);
  }
});
process.send?.('ready');
await once(process, 'disconnect');
await Promise.all(applications.map((application) => application.close()));
