import { beforeAll, describe, expect, it } from '@jest/globals';
import { createPostgresBackend, Queue, Worker } from 'bullmq';
import type { Diagnosis } from '../../lib/inspection/diagnosis.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { startCli } from '../e2e/support/cli-process.js';

/* BullMQ 6 on Postgres, beside this library in one database. */
const database = useTestDatabase({ connectionsMayStay: true });

const connection = { connectionString: database.url, max: 4, migrate: true } as never;

async function openQueue(name: string): Promise<Queue> {
  const queue = new Queue(name, { connection }, createPostgresBackend as never);
  defer(() => queue.close());
  await queue.waitUntilReady();
  return queue;
}

beforeAll(async () => {
  const queue = new Queue('any', { connection }, createPostgresBackend as never);
  await queue.waitUntilReady();
  await queue.close();
});

const codes = ({ problems }: Diagnosis): string[] => problems.map(({ code }) => code);

describe('locks beside BullMQ', () => {
  it('are held while jobs run, and the other way round', async () => {
    const { service } = createLocks(database.url);
    const queue = await openQueue('orders');
    const names = Array.from({ length: 50 }, (_, n) => `order:${n}`);
    const held = await service.acquire(names);
    const seen: string[] = [];
    const worker = new Worker(
      'orders',
      async ({ data }: { data: string }) => {
        await service.withLock(`job:${data}`, () => seen.push(data));
      },
      { connection, concurrency: 5 },
      createPostgresBackend as never,
    );
    defer(() => worker.close());

    await queue.addBulk(names.map((name) => ({ name, data: name })));
    await until(() => seen.length === names.length, 'all jobs have run');

    expect(new Set(seen).size).toBe(names.length);
    expect(held.isHeld).toBe(true);
    await held.release();
  });

  it('meet it on keys of 32 bits: its statement waits', async () => {
    const { service } = createLocks(database.url);
    const queue = await openQueue('parcels');
    // The name that BullMQ itself locks for the number of a job.
    const held = await service.acquire('bullmq:jidseq:parcels', { keyScheme: 'hashtext' });

    let isAdded = false;
    const added = queue.add('parcel', 1).then(() => (isAdded = true));
    await until(
      async () => (await database.advisoryLocks()).some(({ granted }) => !granted),
      'BullMQ waits for the lock',
    );
    expect(isAdded).toBe(false);
    await held.release();
    await added;
  });

  it('are warned of when their scheme has 31 or 32 bits', async () => {
    const schemes = ['sha256', 'advisory-lock', 'md5-31', 'symfony', 'hashtext'] as const;
    const diagnoses = schemes.map(async (keyScheme) => {
      const { service } = createLocks(database.url, { keyScheme });
      return [keyScheme, codes(await service.diagnose())];
    });

    expect(await Promise.all(diagnoses)).toEqual([
      ['sha256', []],
      ['advisory-lock', []],
      ['md5-31', ['SHORT_KEYS']],
      ['symfony', ['SHORT_KEYS']],
      ['hashtext', ['SHORT_KEYS']],
    ]);
  });

  it('are warned of when one of them has such a key', async () => {
    const { service } = createLocks(database.url);
    await service.withLock('nightly-report', () => undefined);
    expect(codes(await service.diagnose())).toEqual([]);

    await service.withLock('nightly-report', () => undefined, { keyScheme: 'md5-31' });

    const { problems } = await service.diagnose();
    expect(problems).toEqual([
      {
        code: 'SHORT_KEYS',
        message:
          'BullMQ locks keys of 32 bits in this database, and so does this library: the lock ' +
          '"nightly-report" with the key 800677659. Now and then both have the same key, and a statement ' +
          'of BullMQ waits until that lock is released. Use a key scheme of 64 bits, such as `sha256`.',
      },
    ]);
  });

  it('are warned of by the doctor while any process holds one', async () => {
    const doctor = () => startCli(['doctor'], { DATABASE_URL: database.url }).outcome;
    const { service } = createLocks(database.url);
    const held = await service.acquire('nightly-report');
    expect((await doctor()).stdout).toContain('No problems.');

    const short = await service.acquire(-42);
    const { status, stdout } = await doctor();
    await Promise.all([held.release(), short.release()]);

    expect(status).toBe(1);
    expect(stdout).toMatch(/^SHORT_KEYS: .*: a process has a lock with the key -42\./m);
  });
});
