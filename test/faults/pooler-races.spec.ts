import { expect, it } from '@jest/globals';
import pg from 'pg';
import {
  type LockConnection,
  LockConnections,
  LockKey,
  LockSession,
  WaitingSession,
} from '../../lib/core/index.js';
import { withClient } from '../support/admin.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { startPgBouncer } from './support/pgbouncer.js';
import { startPrimary } from './support/postgres-cluster.js';
import { nothingPinned, pinnedConnections } from './support/pooled.js';
import { startProxy } from './support/tcp-proxy.js';

const database = useTestDatabase();
const quick = { heartbeatMs: 100, lostAfterMs: 600 };

/** A connection for locks, as the lock table opens it. */
async function open(url: string): Promise<LockConnection> {
  const connections = new LockConnections(() => ({ type: 'postgres', url }), { applicationName: 'race' });
  defer(() => connections.close());
  const connection = await connections.open();
  defer(() => connection.close());
  return connection;
}

function sessionOf(connection: LockConnection): LockSession {
  return new LockSession(connection, { heartbeatMs: Infinity, lostAfterMs: Infinity }, () => undefined);
}

describeWith('pgbouncer', 'between a lock and the pooler', () => {
  it('notices the silence that begins while it gives the server connection back', async () => {
    const bouncer = await closeAfterTest(startPgBouncer(database.url, { mode: 'transaction' }));
    const proxy = await closeAfterTest(startProxy(bouncer.port));
    const { service } = createLocks(proxy.url(database.url), quick);
    const lock = await service.acquire('import');
    await lock.release();
    // The COMMIT that follows the release is on its way.
    proxy.silence();
    await expect(service.tryAcquire('import')).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    proxy.cut();
    proxy.resume();
    await (await service.acquire('import', { waitMs: 10_000 })).release();
  });

  it('lets an unbounded waiter begin again when the pooler falls silent', async () => {
    const bouncer = await closeAfterTest(startPgBouncer(database.url, { mode: 'transaction' }));
    const proxy = await closeAfterTest(startProxy(bouncer.port));
    const { service } = createLocks(proxy.url(database.url), quick);
    const held = await createLocks(database.url).service.acquire('report');
    const waiting = service.acquire('report', { waitMs: Infinity });
    await until(async () => (await database.advisoryLocks()).length === 2, 'it stands in the queue');
    const isQueued = async (): Promise<number | undefined> =>
      (await database.advisoryLocks()).find(({ granted }) => !granted)?.pid;
    const before = await isQueued();
    proxy.silence();
    const connectionsBefore = proxy.connectionCount;
    await until(() => proxy.connectionCount > connectionsBefore, 'it connects again');
    proxy.resume();
    await until(async () => ![before, undefined].includes(await isQueued()), 'it waits again', 20_000);
    await held.release();
    await (await waiting).release();
  });

  it('makes no token and does no harm when a lock is released in the meantime', async () => {
    const bouncer = await closeAfterTest(startPgBouncer(database.url, { mode: 'transaction' }));
    const { service } = createLocks(bouncer.url);
    const ended: unknown[] = [];
    for (let round = 0; round < 20; round += 1) {
      const lock = await service.acquire('account');
      const token = lock.fencingToken();
      const [outcome] = await Promise.allSettled([token, lock.release()]);
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'LOCK_NOT_HELD' } });
      await service.withLock('another', (other) => {
        other.signal.addEventListener('abort', () => ended.push(other.signal.reason));
      });
    }
    expect(ended).toEqual([]);
    await nothingPinned(database);
  });

  it('cancels nothing any more when the wait has ended by itself', async () => {
    const bouncer = await closeAfterTest(startPgBouncer(database.url, { mode: 'transaction', poolSize: 1 }));
    const key = LockKey.of(42n);
    await using held = await createLocks(database.url).service.acquire(42n);
    expect(held.key).toEqual(key);
    const connection = await open(bouncer.url);
    const by = sessionOf(await open(database.url));
    const waiting = new WaitingSession(connection, sessionOf(connection));
    let cancelled: Promise<void> | undefined;
    let isFree!: () => void;
    const busy = by.withoutSilenceTimeout(
      () =>
        new Promise<boolean>(
          (resolve) =>
            (isFree = () => {
              resolve(false);
            }),
        ),
    );
    // The caller leaves at the moment in which the time is over, while the
    // session that could cancel for it is busy.
    const repin = connection.repin.bind(connection);
    connection.repin = () => {
      cancelled = waiting.cancel(by);
      return repin();
    };
    expect(await waiting.wait(key, 'exclusive', 50)).toBe(false);
    await withClient(bouncer.url, async (neighbour) => {
      const statement = neighbour.query('SELECT pg_sleep(0.5)');
      await until(
        async () => (await pinnedConnections(database)).length === 1,
        'another client has the backend',
      );
      isFree();
      await Promise.all([busy, cancelled]);
      await statement;
    });
  });

  it('goes on when a question fails while locks are held', async () => {
    // A server of its own, as none of its sessions can read the list of databases, which the query needs.
    const server = await closeAfterTest(startPrimary());
    const admin = new pg.Client(server.url);
    await admin.connect();
    defer(() => admin.end());
    const bouncer = await closeAfterTest(startPgBouncer(server.url, { mode: 'transaction' }));
    const { service } = createLocks(bouncer.url);
    await using lock = await service.acquire('import');
    const before = await lock.fencingToken();
    await admin.query('BEGIN');
    await admin.query('LOCK TABLE pg_database');
    const question = service.isLocked('another');
    const failure = expect(question).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    const cancel = async (): Promise<boolean> => {
      const { rowCount } = await admin.query(
        `SELECT pg_cancel_backend(pid) FROM pg_locks
          WHERE relation = 'pg_database'::regclass AND NOT granted
            AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')`,
      );
      return rowCount !== 0;
    };
    await until(cancel, 'the question was cancelled');
    await admin.query('COMMIT');
    await failure;
    expect((await lock.fencingToken()) > before).toBe(true);
    await (await service.acquire('another')).release();
    expect(lock.isHeld).toBe(true);
  });
});
