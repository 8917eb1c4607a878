import { expect, it } from '@jest/globals';
import { once } from 'node:events';
import { DataSource } from 'typeorm';
import type { AdvisoryLockService } from '../../lib/advisory-lock.service.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { defer } from '../support/cleanup.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { type PgBouncer, type PgBouncerOptions, startPgBouncer } from './support/pgbouncer.js';

const database = useTestDatabase();

/** The transactions that keep a server connection from the pooler's other clients. */
const pinned = async (): Promise<{ state: string; holdsBackVacuum: boolean }[]> =>
  database.query(
    `SELECT state, backend_xmin IS NOT NULL OR backend_xid IS NOT NULL AS "holdsBackVacuum" FROM pg_stat_activity
      WHERE datname = $1 AND state <> 'idle' AND pid <> pg_backend_pid()`,
    [database.name],
  );

describeWith('pgbouncer', 'through PgBouncer', () => {
  const start = (options: Partial<PgBouncerOptions> = {}): Promise<PgBouncer> =>
    closeAfterTest(startPgBouncer(database.url, { mode: 'transaction', ...options }));
  const through = ({ url }: PgBouncer, options: LocksOptions = {}): AdvisoryLockService =>
    createLocks(url, options).service;

  it.each(['transaction', 'session'] as const)(
    'in %s mode locks exclude, are seen, and leave nothing behind',
    async (mode) => {
      const bouncer = await start({ mode });
      const [one, other, direct] = [through(bouncer), through(bouncer), createLocks(database.url).service];
      const lock = await one.acquire('import');
      for (const service of [other, direct]) {
        expect(await service.tryAcquire('import')).toBeUndefined();
        expect(await service.isLocked('import')).toBe(true);
      }
      await lock.release();
      expect(await database.advisoryLocks()).toEqual([]);
      expect(await pinned()).toEqual([]);
      for (const service of [direct, other]) await (await service.acquire('import')).release();
      expect(await database.advisoryLocks()).toEqual([]);
    },
  );

  it('keeps one server connection while any lock is held, and does not hold back vacuum', async () => {
    const bouncer = await start();
    const service = through(bouncer);
    const locks = await Promise.all(['a', 'b', 'c'].map((name) => service.acquire(name)));
    locks.push(await service.acquire('d'));
    for (const lock of locks) {
      expect(await pinned()).toEqual([{ state: 'idle in transaction', holdsBackVacuum: false }]);
      await lock.release();
    }
    expect(await pinned()).toEqual([]);
  });

  it('waits in turn, for as long as it is told, and until it is told to stop', async () => {
    const bouncer = await start();
    const [one, other] = [through(bouncer), through(bouncer)];
    const held = await one.acquire('report');
    const leaving = new AbortController();
    const waiting = other.acquire('report', { waitMs: Infinity, signal: leaving.signal });
    waiting.catch(() => undefined);
    await until(async () => (await database.advisoryLocks()).length === 2, 'it stands in the queue');
    leaving.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(other.acquire('report', { waitMs: 50 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    expect(await database.advisoryLocks()).toHaveLength(1);
    const next = other.acquire('report', { waitMs: Infinity });
    await until(async () => (await database.advisoryLocks()).length === 2, 'it stands in the queue again');
    await held.release();
    await (await next).release();
    expect(await database.advisoryLocks()).toEqual([]);
    expect(await pinned()).toEqual([]);
  });

  it('shares, counts permits and takes several at once', async () => {
    const bouncer = await start();
    const [one, other] = [through(bouncer), through(bouncer)];
    {
      await using reader = await one.acquire('config', { mode: 'shared' });
      await using another = await other.acquire('config', { mode: 'shared' });
      expect([reader.isHeld, another.isHeld]).toEqual([true, true]);
      expect(await other.tryAcquire('config')).toBeUndefined();
    }
    {
      await using first = await one.acquire('mail', { permits: 2 });
      await using second = await other.acquire('mail', { permits: 2 });
      expect([first.isHeld, second.isHeld]).toEqual([true, true]);
      expect(await one.tryAcquire('mail', { permits: 2 })).toBeUndefined();
    }
    await using both = await one.acquire(['a', 'b']);
    expect(both.isHeld).toBe(true);
    expect(await other.tryAcquire(['b', 'c'])).toBeUndefined();
  });

  it('takes locks of a transaction', async () => {
    const bouncer = await start();
    const dataSource = await new DataSource({ type: 'postgres', url: bouncer.url }).initialize();
    defer(() => dataSource.destroy());
    const { service } = createLocks(bouncer.url, {}, dataSource);
    const other = createLocks(database.url).service;
    await service.withTransactionLock('order:1', async () => {
      expect(await other.tryAcquire('order:1')).toBeUndefined();
    });
    await using held = await other.acquire('order:1');
    expect(held.isHeld).toBe(true);
    await expect(service.withTransactionLock('order:1', () => 1, { waitMs: 50 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
  });

  it('makes growing tokens, without pinning the transaction with one', async () => {
    const bouncer = await start();
    const tokens: bigint[] = [];
    for (const service of [through(bouncer), through(bouncer), createLocks(database.url).service]) {
      await service.withLock('account', async (lock) => {
        tokens.push(await lock.fencingToken(), await lock.fencingToken());
        expect((await pinned()).filter(({ holdsBackVacuum }) => holdsBackVacuum)).toEqual([]);
      });
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
  });

  it('tells who held a lock when the pooler restarts, and takes new ones', async () => {
    const bouncer = await start();
    const service = through(bouncer);
    const lock = await service.acquire('import');
    const told = once(lock.signal, 'abort');
    await bouncer.restart();
    await told;
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
    await expect(lock.fencingToken()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await lock.release();
    await (await service.acquire('import', { waitMs: 5_000 })).release();
  });

  it('does with a single server connection what one connection can do', async () => {
    const bouncer = await start({ poolSize: 1 });
    const service = through(bouncer);
    for (let round = 0; round < 3; round += 1) {
      const locks = await Promise.all(['a', 'b'].map((name) => service.acquire(name)));
      expect(await service.isLocked('a')).toBe(true);
      for (const lock of locks) await lock.release();
    }
    expect(await database.advisoryLocks()).toEqual([]);
  });
});
