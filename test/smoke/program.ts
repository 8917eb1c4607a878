/*
 * Runs on each runtime, against the build, in one of its halves. Prints what has passed, one line a step, and
 * ends with status 0 when all have.
 */
import 'reflect-metadata';
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import type { StepName } from './steps.js';

const { SMOKE_LIBRARY: path = '', SMOKE_DATABASE_URL: url = '', SMOKE_WITHOUT_TYPEORM } = process.env;
const library = (
  path.includes('/cjs/') ? createRequire(import.meta.url)(path) : await import(pathToFileURL(path).href)
) as typeof import('nestjs-advisory-lock');
const { AdvisoryLockInspector, AdvisoryLockModule, AdvisoryLockService } = library;

/** The data source of the application, or none where TypeORM is not installed. */
const database =
  SMOKE_WITHOUT_TYPEORM === undefined
    ? {
        imports: [(await import('@nestjs/typeorm')).TypeOrmModule.forRoot({ type: 'postgres', url })],
        options: {},
      }
    : { imports: [], options: { postgres: url } };

const TICKS = 2;
const ticks: string[] = [];

@Injectable()
class Shop {
  @library.WithAdvisoryLock((id: string) => `order:${id}`)
  async pay(id: string): Promise<string> {
    await sleep(200);
    return id;
  }

  @library.ExclusiveCron('* * * * * *')
  async tick(): Promise<void> {
    ticks.push(library.currentTick()?.at.toISOString() ?? 'none');
    return Promise.resolve();
  }
}

/** Two instances of the application in one process exclude each other as two processes do. */
function start(instanceName: string): Promise<INestApplicationContext> {
  @Module({
    imports: [
      ...database.imports,
      ScheduleModule.forRoot(),
      AdvisoryLockModule.forRoot({ instanceName, ...database.options }),
    ],
    providers: [Shop],
  })
  class App {}
  return NestFactory.createApplicationContext(App, { logger: ['error', 'warn', 'fatal'] });
}

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await holds())) {
    assert(performance.now() < deadline, `not in time: ${what}`);
    await sleep(20);
  }
}

const admin = new pg.Client({ connectionString: url });
await admin.connect();

async function lockPids(): Promise<number[]> {
  const { rows } = await admin.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'nestjs-advisory-lock %'`,
  );
  return rows.map(({ pid }) => pid);
}

const [one, two] = await Promise.all([start('one'), start('two')]);
const locks = one.get(AdvisoryLockService);
const others = two.get(AdvisoryLockService);

const steps: Record<StepName, () => Promise<void>> = {
  async decorator() {
    const calls = await Promise.allSettled([one.get(Shop).pay('1'), two.get(Shop).pay('1')]);
    const refused = calls.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    assert.equal(refused.length, 1);
    assert.equal((refused[0]?.reason as { code: unknown }).code, 'LOCK_UNAVAILABLE');
  },

  async waiting() {
    const lock = await locks.acquire('import');
    const waiting = others.withLock('import', () => 'after', { waitMs: 10_000 });
    await until(async () => (await lockPids()).length > 2, 'the wait');
    await lock.release();
    assert.equal(await waiting, 'after');
  },

  async abort() {
    const lock = await locks.acquire('import');
    const signal = AbortSignal.timeout(200);
    await assert.rejects(others.acquire('import', { waitMs: 10_000, signal }), { name: 'TimeoutError' });
    assert.equal(lock.isHeld, true);
    await lock.release();
  },

  async loss() {
    const work = locks.withLock('import', async ({ signal }) => {
      await Promise.all([
        sleep(15_000, undefined, { signal }),
        admin.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'nestjs-advisory-lock one'`,
        ),
      ]);
    });
    await assert.rejects(work, { code: 'LOCK_LOST', lockName: 'import' });
    // The server tells the client that its backend ends before it frees the locks of the backend.
    assert.equal(await locks.withLock('import', () => 'again', { waitMs: 5_000 }), 'again');
  },

  async permits() {
    const held = await Promise.all([
      locks.acquire('desk', { permits: 2, waitMs: 5_000 }),
      others.acquire('desk', { permits: 2, waitMs: 5_000 }),
    ]);
    assert.equal(await others.tryAcquire('desk', { permits: 2 }), undefined);
    await Promise.all(held.map((lock) => lock.release()));
  },

  async tick() {
    await until(() => ticks.length >= TICKS, 'ticks');
    assert.equal(new Set(ticks).size, ticks.length, `a tick ran twice: ${ticks.join(' ')}`);
    assert.match(ticks[0] ?? '', /:\d\d\.000Z$/);
  },

  async fleet() {
    const lock = await locks.acquire('import');
    const { reports, locks: listed } = await two.get(AdvisoryLockInspector).fleet({ withinMs: 3_000 });
    assert.deepEqual(reports.map(({ instance }) => instance).sort(), ['one', 'two']);
    assert.equal(listed.find(({ name }) => name === 'import')?.instance, 'one');
    await lock.release();
  },

  async shutdown() {
    let isDone = false;
    const work = locks.withLock('import', async () => {
      await sleep(300);
      isDone = true;
    });
    await until(() => others.isLocked('import'), 'the work');
    const closing = one.close();
    const takeAnother = async (): Promise<boolean> => {
      await (await locks.acquire('another')).release();
      return false;
    };
    await assert.rejects(until(takeAnother, 'the shutdown'), { code: 'LOCK_SHUTDOWN' });
    await closing;
    assert.equal(isDone, true);
    await work;
    await two.close();
    await until(async () => (await lockPids()).length === 0, 'the connections are closed');
  },
};

for (const [name, step] of Object.entries(steps)) {
  await step();
  console.log(name);
}
await admin.end();
