import { beforeAll, describe, expect, it } from '@jest/globals';
import { ADVISORY_LEASE_SQL, type AdvisoryLock } from '../../lib/index.js';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import { withClient } from '../support/admin.js';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { freeze } from './support/freeze.js';
import { startPrimary } from './support/postgres-cluster.js';
import type { PostgresNode } from './support/postgres-node.js';
import { lossOf, SHORT_TIMES } from './support/lock-loss.js';

let server: PostgresNode;
beforeAll(async () => {
  server = await closeAfterTest(startPrimary());
});

interface LockRow {
  readonly pid: number;
  readonly granted: boolean;
}

const locksOf = ({ key }: AdvisoryLock): Promise<LockRow[]> =>
  withClient(server.socketUrl, async (client) => {
    const sql = `SELECT pid, granted FROM pg_locks
      WHERE locktype = 'advisory' AND classid = $1 AND objid = $2`;
    return (await client.query<LockRow>(sql, [key.classid, key.objid])).rows;
  });

const pidOf = async (lock: AdvisoryLock, isGranted: boolean): Promise<number> => {
  const row = (await locksOf(lock)).find(({ granted }) => granted === isGranted);
  if (row === undefined) throw new Error(`no backend ${isGranted ? 'holds' : 'waits for'} the lock`);
  return row.pid;
};

describe('a postmaster that crashes', () => {
  it('notifies holders; waiters and later requests find the server when it is back', async () => {
    const [mine, other] = [createLocks(server.url).service, createLocks(server.url).service];
    const lock = await mine.acquire('import');
    const otherLock = await other.acquire('report');
    const waiting = mine.acquire('report', { waitMs: Infinity });
    waiting.catch(() => undefined);
    await until(async () => (await locksOf(otherLock)).length === 2, 'it waits');

    await server.crash();
    for (const { signal } of [lock, otherLock])
      expect(await lossOf({ signal })).toMatchObject({ code: 'LOCK_LOST' });
    await expect(mine.acquire('order')).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    // Waiters fail as well, as the server may never come back.
    await expect(waiting).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    await Promise.all([lock.release(), otherLock.release()]);

    await server.start();
    await using again = await mine.acquire('import', { waitMs: 10_000 });
    expect(again.isHeld).toBe(true);
    expect(await other.tryAcquire('import')).toBeUndefined();
    expect(await again.fencingToken()).toEqual(expect.any(BigInt));
  });

  it('has forgotten no fencing token', async () => {
    const { service } = createLocks(server.url);
    const token = (): Promise<bigint> =>
      service.withLock('account', (lock) => lock.fencingToken(), { waitMs: 10_000 });
    const before = [await token(), await token()];
    await server.crash();
    await server.start();
    expect(await token()).toBeGreaterThan(before[1] as bigint);
    expect(before[1]).toBeGreaterThan(before[0] as bigint);
  });
});

describe('leases of a server that crashes', () => {
  const TTL = { ttlMs: 2_000 };
  const openService = async (): Promise<AdvisoryLockService> =>
    createLocks(server.url, {}, await openDataSource(server.url)).service;

  beforeAll(() =>
    withClient(server.socketUrl, async (client) => {
      await client.query(ADVISORY_LEASE_SQL);
      // The servers of the tests have it off.
      await client.query('ALTER DATABASE postgres SET synchronous_commit = on');
    }),
  );

  it('are held as they were granted, whatever became of the release before', async () => {
    const before = await openService();
    const first = await before.lease('doc', { ttlMs: 60_000 });
    await first.release();
    const second = await before.lease('doc', { ttlMs: 60_000 });
    await server.crash();
    await server.start();
    const after = await openService();
    await expect(after.lease('doc', TTL)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    await expect(after.resumeLease('doc', first.token)).rejects.toMatchObject({ code: 'LOCK_LOST' });
    const resumed = await after.resumeLease('doc', second.token);
    expect(resumed.fencingToken).toBe(second.fencingToken);
    await resumed.release();
  });

  it('are free soon, also where the release was forgotten, and the fencing token grows', async () => {
    const before = await openService();
    const lease = await before.lease('report', TTL);
    await lease.release();
    await server.crash();
    await server.start();
    const after = await openService();
    const next = await after.lease('report', { ...TTL, waitMs: 30_000 });
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    await next.release();
  });
});

describe('a backend that is silent while its machine responds', () => {
  it('counts as gone after `lostAfterMs`, though its lock is kept until it goes on', async () => {
    const locks = createLocks(server.url, SHORT_TIMES);
    const lock = await locks.service.acquire('import');
    const frozen = await closeAfterTest(freeze(await pidOf(lock, true)));
    expect(await lossOf(lock)).toMatchObject({
      code: 'LOCK_LOST',
      message: expect.stringMatching(/no response for \d+ ms, and `lostAfterMs` is 1200/),
    });
    // Its socket is closed, which it will see when it goes on, and not before.
    const other = createLocks(server.url).service;
    expect(await other.tryAcquire('import')).toBeUndefined();
    const next = other.acquire('import', { waitMs: Infinity });
    await until(async () => (await locksOf(lock)).some(({ granted }) => !granted), 'it waits');
    frozen.thaw();
    await (await next).release();
  });

  it('fails the question that it is asked with LOCK_CONNECTION', async () => {
    const { service } = createLocks(server.url, SHORT_TIMES);
    const lock = await service.acquire('import');
    const frozen = await closeAfterTest(freeze(await pidOf(lock, true)));
    await expect(service.tryAcquire('report')).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    await expect(lock.fencingToken()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    // Meanwhile others, and this process by a new connection, are served.
    await (await service.acquire('order')).release();
    frozen.thaw();
    await (await service.acquire('import', { waitMs: 10_000 })).release();
  });

  it('does not keep a caller waiting for longer than it said', async () => {
    const [mine, other] = [createLocks(server.url, SHORT_TIMES).service, createLocks(server.url).service];
    const lock = await other.acquire('import');
    const waiting = mine.acquire('import', { waitMs: 2_000 });
    waiting.catch(() => undefined);
    await until(async () => (await locksOf(lock)).length === 2, 'it waits');
    const frozen = await closeAfterTest(freeze(await pidOf(lock, false)));
    await expect(waiting).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    frozen.thaw();
    await lock.release();
    await until(async () => (await locksOf(lock)).length === 0, 'it is free');
  });
});
