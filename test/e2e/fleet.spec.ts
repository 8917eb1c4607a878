import { describe, expect, it } from '@jest/globals';
import { createLocks } from '../support/locks.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import type { WorkerProcess } from '../support/worker-process.js';

const database = useTestDatabase();
const env = { TEST_URL: database.url };

interface Message {
  type: string;
  refused: number;
}

/** Starts so many processes, and lets them begin when all are ready. */
async function startTogether(count: number, program: string, args: string[]): Promise<WorkerProcess[]> {
  const module = new URL(`./workers/${program}.ts`, import.meta.url);
  const workers = Array.from({ length: count }, () => startWorker(module, { env, args }));
  for (const worker of workers) await worker.message<Message>(({ type }) => type === 'ready', 60_000);
  for (const worker of workers) worker.send({ type: 'go' });
  return workers;
}

describe('a fleet', () => {
  it('of 8 processes loses none of 1,000 updates each of one row', async () => {
    await database.query('CREATE TABLE counter AS SELECT 0 AS value');
    const workers = await startTogether(8, 'counter', ['1000']);
    let refused = 0;
    for (const worker of workers) {
      refused += (await worker.message<Message>(({ type }) => type === 'done', 120_000)).refused;
      expect(await worker.exited).toEqual({ code: 0, signal: null });
    }
    expect(await database.query('SELECT value FROM counter')).toEqual([{ value: 8_000 }]);
    // They did get in each other's way.
    expect(refused).toBeGreaterThan(1_000);
  }, 180_000);

  it('of 4 processes with 5 waiting callers each gives every process its share, one turn at a time', async () => {
    // The number is how many turns there were before, read under the lock: an overlap makes a duplicate.
    await database.query('CREATE TABLE turn (number int PRIMARY KEY, pid int)');
    const workers = await startTogether(4, 'hot', ['5', '60']);
    for (const worker of workers) expect(await worker.exited).toEqual({ code: 0, signal: null });

    const [all] = await database.query('SELECT count(*)::int AS turns, max(number) AS last FROM turn');
    expect(all).toEqual({ turns: 1_200, last: 1_199 });
    const shares = await database.query<{ turns: number }>(
      'SELECT count(*)::int AS turns FROM turn WHERE number < 600 GROUP BY pid',
    );
    // A quarter would be 150.
    expect(shares.map(({ turns }) => turns > 50)).toEqual([true, true, true, true]);
  }, 180_000);

  it('of 4 processes that share, count permits, take several and give up never has one holder too many', async () => {
    await database.query('CREATE TABLE hold (resource text, kind text, pid int, during tstzrange)');
    const workers = await startTogether(4, 'mixed', ['5', '60']);
    let refused = 0;
    for (const worker of workers) {
      refused += (await worker.message<Message>(({ type }) => type === 'done', 120_000)).refused;
      expect(await worker.exited).toEqual({ code: 0, signal: null });
    }
    expect(refused).toBeGreaterThan(50);

    const [check] = await database.query(`
      WITH numbered AS (SELECT row_number() OVER () AS number, * FROM hold),
      pairs AS (
        SELECT a.resource, a.kind AS kind, b.kind AS other, a.pid <> b.pid AS elsewhere
        FROM numbered a JOIN numbered b ON a.resource = b.resource AND a.number < b.number AND a.during && b.during),
      steps AS (
        SELECT lower(during) AS at, 1 AS step FROM hold WHERE kind = 'permit'
        UNION ALL SELECT upper(during), -1 FROM hold WHERE kind = 'permit'),
      counted AS (SELECT sum(step) OVER (ORDER BY at, step) AS holders FROM steps)
      SELECT
        (SELECT count(*)::int FROM pairs WHERE 'exclusive' IN (kind, other)) AS overlaps,
        (SELECT count(*) > 50 FROM pairs WHERE kind = 'shared' AND other = 'shared' AND elsewhere) AS "areShared",
        (SELECT max(holders)::int FROM counted) AS permits,
        (SELECT count(*) > 400 FROM hold) AS "areMany"`);
    expect(check).toEqual({ overlaps: 0, areShared: true, permits: 3, areMany: true });
  }, 180_000);

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
