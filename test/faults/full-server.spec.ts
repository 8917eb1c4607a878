import { beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import { defer } from '../support/cleanup.js';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { startPgBouncer } from './support/pgbouncer.js';
import { startPrimary } from './support/postgres-cluster.js';

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  defer(() => client.end());
  return client;
}

describe.each([
  { way: 'directly', through: (url: string) => Promise.resolve(url), describe },
  {
    way: 'through PgBouncer',
    through: async (url: string) => (await closeAfterTest(startPgBouncer(url, { mode: 'transaction' }))).url,
    describe: (title: string, body: () => void) => {
      describeWith('pgbouncer', title, body);
    },
  },
])('an exhausted lock table', ({ way, through, describe }) => {
  describe(way, () => {
    let serverUrl: string;
    let url: string;
    beforeAll(async () => {
      // Room for 300 locks, and what Postgres allows beyond that.
      serverUrl = (
        await closeAfterTest(
          startPrimary({ flags: ['-c', 'max_locks_per_transaction=10', '-c', 'max_connections=30'] }),
        )
      ).url;
      url = await through(serverUrl);
    });

    /** Sessions of others, opened before the table is full: then it has no room for a new connection. */
    async function openOthers() {
      const observer = await connect(serverUrl);
      const { service } = createLocks(serverUrl);
      expect(await service.isLocked('before')).toBe(false);
      const lockCount = async (): Promise<number> => {
        const { rows } = await observer.query<{ count: number }>(
          `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory'`,
        );
        return rows[0]?.count ?? NaN;
      };
      return { observer, service, lockCount };
    }

    /** Takes what others leave, until nothing is left. */
    async function fillTable(filler: pg.Client): Promise<void> {
      await expect(
        filler.query('SELECT pg_advisory_lock(n) FROM generate_series(1, 100000) AS n'),
      ).rejects.toMatchObject({ code: '53200' });
    }

    const manyNames = Array.from({ length: 5_000 }, (_, number) => `order:${number}`);

    /** For tests of the table itself: this process does not keep out of it. */
    const unlimited = { maxLocks: 100_000 };

    it('is not reached without an option: half of it is left to others, who can still connect', async () => {
      const { service } = createLocks(url);
      const allowed = 150;
      const held = await Promise.all(manyNames.slice(0, allowed).map((name) => service.acquire(name)));
      await expect(service.acquire('import')).rejects.toMatchObject({
        code: 'LOCK_CAPACITY',
        message: expect.stringMatching(/may hold 150, half of .*"order:\*" \(150\)/) as unknown,
      });
      for (let count = 0; count < 5; count += 1) await (await connect(serverUrl)).query('SELECT 1');
      expect(await service.diagnose()).toMatchObject({
        problems: expect.arrayContaining([expect.objectContaining({ code: 'MAX_LOCKS' })]) as unknown,
        locks: { used: allowed, allowed },
      });
      await Promise.all(held.map((lock) => lock.release()));
    });

    it('refuses those who do not fit, and gives those who do their locks', async () => {
      const { service } = createLocks(url, unlimited);
      const { lockCount } = await openOthers();
      const before = await service.acquire('before');
      const outcomes = await Promise.allSettled(manyNames.map((name) => service.acquire(name)));
      const held = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const refusals = outcomes.flatMap((outcome): unknown[] =>
        outcome.status === 'rejected' ? [outcome.reason] : [],
      );
      expect(held.length).toBeGreaterThan(100);
      expect(refusals.length).toBeGreaterThan(0);
      expect(new Set(refusals.map((reason) => (reason as { code: string }).code))).toEqual(
        new Set(['LOCK_CAPACITY']),
      );
      expect(before.isHeld).toBe(true);
      expect(await lockCount()).toBe(held.length + 1);

      await Promise.all([before, ...held].map((lock) => lock.release()));
      expect(await lockCount()).toBe(0);
      await (await service.acquire('after')).release();
    });

    it('takes none of several that do not fit, and keeps what was held before', async () => {
      const { service } = createLocks(url, unlimited);
      const { service: other, lockCount } = await openOthers();
      await using before = await service.acquire('before');
      // One call takes at most 1,000, so the rest is taken before, and some of it is given back.
      const outcomes = await Promise.allSettled(manyNames.map((name) => service.acquire(name)));
      const held = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
      await Promise.all(held.splice(0, 300).map((lock) => lock.release()));
      const count = await lockCount();
      const more = Array.from({ length: 1_000 }, (_, number) => `more:${number}`);
      await expect(service.acquire(more)).rejects.toMatchObject({ code: 'LOCK_CAPACITY' });
      expect(await lockCount()).toBe(count);
      await Promise.all(held.map((lock) => lock.release()));
      expect(await before.fencingToken()).toBeGreaterThan(0n);
      expect(await other.tryAcquire('before')).toBeUndefined();
    });

    it('that others have filled is an error for new locks and no loss of old ones', async () => {
      const dataSource = await openDataSource(serverUrl);
      const { service } = createLocks(url, {}, dataSource);
      const { observer: filler, service: other, lockCount } = await openOthers();
      const before = await service.acquire('before');
      await fillTable(filler);
      const count = await lockCount();
      const attempts: ((service: AdvisoryLockService) => Promise<unknown>)[] = [
        () => service.tryAcquire('new'),
        () => service.acquire('new', { waitMs: Infinity }),
        () => service.acquire('new', { permits: 3 }),
        () => service.withTransactionLock('new', () => 1),
      ];
      for (const attempt of attempts) {
        await expect(attempt(service)).rejects.toMatchObject({ code: 'LOCK_CAPACITY' });
      }
      await dataSource.transaction(async (manager) => {
        await expect(service.lockInTransaction(manager, 'new')).rejects.toMatchObject({
          code: 'LOCK_CAPACITY',
        });
        expect(await manager.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      });
      expect(await lockCount()).toBe(count);
      expect(before.isHeld).toBe(true);

      await filler.query('SELECT pg_advisory_unlock_all()');
      expect(await other.tryAcquire('before')).toBeUndefined();
      await (await service.acquire('new')).release();
      await before.release();
      expect(await lockCount()).toBe(0);
    });
  });
});

describe('a server without a free connection', () => {
  const ALLOWED = 8;
  let url: string;
  beforeAll(async () => {
    const flags = { max_connections: ALLOWED, superuser_reserved_connections: 0 };
    ({ url } = await closeAfterTest(
      startPrimary({ flags: Object.entries(flags).flatMap(([name, value]) => ['-c', `${name}=${value}`]) }),
    ));
  });

  /** Leaves so many free. */
  async function fillServer(free: number): Promise<pg.Client[]> {
    const observer = await connect(url);
    const countOpen = async (): Promise<number> => {
      const { rows } = await observer.query<{ count: number }>(
        `SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'`,
      );
      return rows[0]?.count ?? NaN;
    };
    const clients = [observer];
    while ((await countOpen()) < ALLOWED - free) clients.push(await connect(url));
    return clients;
  }

  it('is an error for callers that need one, until there is', async () => {
    const { service } = createLocks(url);
    const [first] = await fillServer(0);
    await expect(service.acquire('import')).rejects.toMatchObject({
      code: 'LOCK_CONNECTION',
      cause: { code: '53300' },
    });
    expect((await service.diagnose()).problems).toMatchObject([{ code: 'UNREACHABLE' }]);
    await first?.end();
    await until(
      () =>
        service
          .withLock('import', () => true)
          .catch((error: unknown) => {
            // The server takes a moment to notice.
            expect(error).toMatchObject({ code: 'LOCK_CONNECTION' });
            return false;
          }),
      'there is room',
    );
  });

  it('does not need a second one for the test whether locks exclude', async () => {
    const { service } = createLocks(url);
    await fillServer(1);
    await using lock = await service.acquire('import');
    expect(lock.isHeld).toBe(true);
    expect(await service.diagnose()).toMatchObject({
      server: { exclusion: 'assumed' },
      problems: [{ code: 'SERVER_CONNECTIONS' }],
    });
  });

  it('makes waiters try again and again instead', async () => {
    const [one, other] = [createLocks(url), createLocks(url)];
    const held = await one.service.acquire('import');
    await (await other.service.acquire('other')).release();
    await fillServer(0);
    await expect(other.service.acquire('import', { waitMs: 200 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
    const waiting = other.service.acquire('import', { waitMs: 20_000 });
    await held.release();
    await using lock = await waiting;
    expect(lock.isHeld).toBe(true);
    expect(other.engine.connectionCounts.open).toBe(1);
  });
});
