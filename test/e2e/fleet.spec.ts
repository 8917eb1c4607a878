import { describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvisoryLock } from '../../lib/core/index.js';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import { createLocks } from '../support/locks.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { type Way, wishOf } from './workers/ways.js';

const database = useTestDatabase();
const env = { TEST_URL: database.url };

const WAYS: readonly Way[] = ['exclusive', 'shared', 'permits', 'several', 'transaction'];

/** The waiters of one process, in their order. */
const CALLERS: readonly number[] = [0, 1, 2, 3, 4, 5];

/** For long runs: how many times the usual number of rounds. */
const LENGTH = Number(process.env.FLEET_LENGTH ?? 1);

jest.setTimeout(180_000 * LENGTH);

interface Message {
  type: string;
  refused: number;
  caller: number;
  counts: Record<string, number>;
  isServed: boolean;
}

/** Starts so many processes, and waits until all are ready. */
async function startWorkers(
  count: number,
  program: string,
  args: string[] = [],
  poolSize = 2,
): Promise<WorkerProcess[]> {
  const module = new URL(`./workers/${program}.ts`, import.meta.url);
  const options = { env: { ...env, TEST_POOL_SIZE: String(poolSize) }, args };
  const workers = Array.from({ length: count }, () => startWorker(module, options));
  for (const worker of workers) await message(worker, 'ready');
  return workers;
}

const message = (worker: WorkerProcess, wanted: string): Promise<Message> =>
  worker.message<Message>(({ type }) => type === wanted, 120_000 * LENGTH);

/** Lets all begin at once, and resolves to their results. */
async function runAll(workers: WorkerProcess[], order: { way?: Way } = {}): Promise<Message[]> {
  for (const worker of workers) worker.send({ type: 'go', ...order });
  return Promise.all(workers.map((worker) => message(worker, 'done')));
}

const repeat = <T>(items: readonly T[], times: number): T[] =>
  Array.from({ length: times }, () => items).flat();

/** How many wait in Postgres' queue. */
const queue = async (): Promise<number> =>
  (await database.advisoryLocks()).filter(({ granted }) => !granted).length;

/** Lets one after the other end by itself. */
async function endAll(workers: WorkerProcess[]): Promise<void> {
  for (const worker of workers) {
    worker.send({ type: 'end' });
    expect(await worker.exited).toEqual({ code: 0, signal: null });
  }
}

/** Keeps all callers out; the last holder may still be leaving. */
function takeAll(service: AdvisoryLockService, way: Way): Promise<AdvisoryLock[]> {
  const [names, options] = wishOf(way, 0);
  const permits = Array.from({ length: options.permits ?? 1 });
  return Promise.all(permits.map(() => service.acquire(names, { ...options, waitMs: Infinity })));
}

describe('a fleet', () => {
  it('of 8 processes loses none of 250 updates each of one row', async () => {
    await database.query('CREATE TABLE counter AS SELECT 0 AS value');
    const workers = await startWorkers(8, 'counter', [String(250 * LENGTH)]);
    const done = await runAll(workers);
    for (const worker of workers) expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(await database.query('SELECT value FROM counter')).toEqual([{ value: 2_000 * LENGTH }]);
    // They did get in each other's way.
    expect(done.reduce((sum, { refused }) => sum + refused, 0)).toBeGreaterThan(1_000 * LENGTH);
  });

  it('of 4 processes with 6 waiters each serves first come, first served', async () => {
    // The number is how many turns of that way there were before, read under the
    // lock: an overlap makes a duplicate.
    await database.query('CREATE TABLE turn (way text, caller int, alone int, pid int, UNIQUE (way, alone))');
    const workers = await startWorkers(4, 'hot', ['6', String(240 * LENGTH)]);
    const { service } = createLocks(database.url);
    for (const way of WAYS) {
      // No process begins before the others have been scheduled.
      const held = await takeAll(service, way);
      const done = runAll(workers, { way });
      for (const worker of workers) await message(worker, 'waiting');
      await Promise.all(held.map((lock) => lock.release()));
      await done;
    }
    await endAll(workers);

    const shares = await database.query<{ way: Way; callers: number; least: number }>(`
      WITH share AS (SELECT way, count(*)::int AS turns FROM turn GROUP BY way, pid, caller)
      SELECT way, count(*)::int AS callers, min(turns) AS least FROM share GROUP BY way`);
    expect(shares.map(({ way }) => way).sort()).toEqual([...WAYS].sort());
    // All would be served equally with 10 turns each.
    for (const { callers, least } of shares) expect([callers, least > 3 * LENGTH]).toEqual([24, true]);
  });

  it('of 3 processes serves the waiters of each in their order, in every way', async () => {
    const workers = await startWorkers(3, 'caller', [], CALLERS.length);
    const { service } = createLocks(database.url);
    for (const way of repeat(WAYS, 3 * LENGTH)) {
      const held = await takeAll(service, way);
      // Transactions stand in Postgres' queue alone, in the order in which their statements arrive there.
      const comesAlone = way === 'transaction';
      let called = 0;
      for (const caller of CALLERS) {
        for (const worker of workers) {
          worker.send({ type: 'call', way, caller });
          called += 1;
          if (comesAlone) await message(worker, 'waiting');
          if (way === 'transaction') await until(async () => (await queue()) === called, 'it waits');
        }
      }
      if (!comesAlone) for (const worker of repeat(workers, CALLERS.length)) await message(worker, 'waiting');
      await Promise.all(held.map((lock) => lock.release()));
      for (const worker of workers) {
        const order: number[] = [];
        while (order.length < CALLERS.length) order.push((await message(worker, 'turn')).caller);
        expect([way, order]).toEqual([way, CALLERS]);
      }
    }
    await endAll(workers);
  });

  it('of 3 processes leaves nothing when waits end at the moment of the grant, in every way', async () => {
    const workers = await startWorkers(3, 'caller');
    const { service } = createLocks(database.url);
    const outcomes = { served: 0, left: 0 };
    for (const way of repeat(WAYS, 40 * LENGTH)) {
      const held = await takeAll(service, way);
      // A transaction's wait has no signal to end it.
      const waitMs = way === 'transaction' ? 5 + Math.random() * 5 : undefined;
      for (const worker of workers) worker.send({ type: 'call', way, caller: 0, waitMs });
      for (const worker of workers) await message(worker, 'waiting');
      await Promise.all([
        ...held.map((lock) => lock.release()),
        ...workers.map(async (worker) => {
          await sleep(Math.random() * 4);
          worker.send({ type: 'leave', caller: 0 });
        }),
      ]);
      for (const worker of workers)
        outcomes[(await message(worker, 'over')).isServed ? 'served' : 'left'] += 1;
      expect([way, await database.advisoryLocks()]).toEqual([way, []]);
    }
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(50 * LENGTH);
    await endAll(workers);
  });

  it('of 4 processes never has one holder too many, and leaves nothing, in every way', async () => {
    await database.query('CREATE TABLE hold (resource text, way text, pid int, during tstzrange)');
    const workers = await startWorkers(4, 'mixed', ['5', String(100 * LENGTH)], 5);
    const counts: Record<string, number> = {};
    for (const done of await runAll(workers)) {
      for (const [end, count] of Object.entries(done.counts)) counts[end] = (counts[end] ?? 0) + count;
    }
    // The processes are still there: their end would have taken all away.
    expect(await database.advisoryLocks()).toEqual([]);
    const connections = await database.connections();
    const ofLocks = connections.filter(({ applicationName }) =>
      applicationName.startsWith('nestjs-advisory-lock '),
    );
    expect(ofLocks.length).toBeLessThanOrEqual(4 * 4);
    expect(connections.filter(({ state }) => state.startsWith('idle in transaction'))).toEqual([]);
    await endAll(workers);

    for (const way of WAYS) {
      for (const end of ['served', 'timeout', ...(way === 'transaction' ? [] : ['abort'])]) {
        expect([way, end, (counts[`${way} ${end}`] ?? 0) > 20]).toEqual([way, end, true]);
      }
    }
    const [check] = await database.query(`
      WITH numbered AS (SELECT row_number() OVER () AS number, * FROM hold),
      pairs AS (
        SELECT a.way AS way, b.way AS other, a.pid <> b.pid AS "isOther"
        FROM numbered a
        JOIN numbered b ON a.resource = b.resource AND a.number < b.number AND a.during && b.during
        WHERE a.resource <> 'desk'),
      steps AS (
        SELECT lower(during) AS at, 1 AS step FROM hold WHERE way = 'permits'
        UNION ALL SELECT upper(during), -1 FROM hold WHERE way = 'permits'),
      counted AS (SELECT sum(step) OVER (ORDER BY at, step) AS holders FROM steps)
      SELECT
        (SELECT count(*)::int FROM pairs WHERE way <> 'shared' OR other <> 'shared') AS overlaps,
        (SELECT count(*) > 50 FROM pairs
          WHERE way = 'shared' AND other = 'shared' AND "isOther") AS "areShared",
        (SELECT max(holders)::int FROM counted) AS permits,
        (SELECT count(*) > 400 FROM hold) AS "areMany"`);
    expect(check).toEqual({ overlaps: 0, areShared: true, permits: 2, areMany: true });
  });

  it('takes over the locks of a process that is killed', async () => {
    const holder = startWorker(new URL('./workers/holder.ts', import.meta.url), {
      env,
      args: ['import', 'report'],
    });
    await holder.message<Message>(({ type }) => type === 'holding', 60_000);
    const { service } = createLocks(database.url);
    expect(await service.tryAcquire('import')).toBeUndefined();
    expect(await service.tryAcquire('report')).toBeUndefined();

    holder.kill('SIGKILL');
    await holder.exited;
    await until(async () => !(await service.isLocked('report')), 'the locks of the killed process are free');
    await using lock = await service.acquire('import');
    expect(lock.isHeld).toBe(true);
  });
});
