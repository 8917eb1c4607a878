import { Injectable } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AdvisoryLock,
  AdvisoryLockModule,
  AdvisoryLockService,
  LockLostError,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { postgres, start } from '../e2e/support/applications.js';
import { Gate } from '../e2e/support/gate.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lossOf } from './support/lock-loss.js';
import { startProxy } from './support/tcp-proxy.js';

const database = useTestDatabase();

it('`withLock` rejects when the session ends before it has confirmed the release', async () => {
  const proxy = await startProxy(database.url);
  defer(() => proxy.close());
  const { service } = createLocks(proxy.url(database.url));
  const run = service.withLock('import', () => {
    // The release does not arrive, so the session may have ended for the server long before.
    proxy.silence();
    setTimeout(() => {
      proxy.cut();
    }, 50);
  });
  await expect(run).rejects.toMatchObject({ code: 'LOCK_LOST', lockName: 'import' });
  proxy.resume();
});

describe('when an administrator ends the backend of a session', () => {
  it('notifies all holders: of the lock, how it was noticed, and how long it had been held', async () => {
    const { service } = createLocks(database.url);
    const [one, several, reader, permit] = await Promise.all([
      service.acquire('import'),
      service.acquire(['a', 'b']),
      service.acquire('config', { mode: 'shared' }),
      service.acquire('mail', { permits: 3 }),
    ]);
    const key = String(one.key);
    await terminateHolders(database);

    const reason = await lossOf(one);
    expect(reason).toBeInstanceOf(LockLostError);
    expect(reason).toMatchObject({
      name: 'LockLostError',
      code: 'LOCK_LOST',
      lockName: 'import',
      key,
      message: expect.stringContaining(
        'its database connection ended (terminating connection due to administrator command)',
      ),
      cause: expect.objectContaining({ code: '57P01' }),
    });
    expect(reason.heldMs).toBeGreaterThanOrEqual(0);
    expect(reason.heldMs).toBeLessThanOrEqual(Date.now() - one.acquiredAt.getTime());
    for (const lock of [one, several, reader, permit]) {
      expect(await lossOf(lock)).toMatchObject({ code: 'LOCK_LOST' });
      expect(lock.isHeld).toBe(false);
      await expect(lock.fencingToken()).rejects.toMatchObject({ code: 'LOCK_LOST' });
      await lock.release();
      await lock.release();
    }
  });

  it('aborts `current()` in decorated methods, which reject with that or their own error', async () => {
    @Injectable()
    class Reports {
      constructor(private readonly locks: AdvisoryLockService) {}

      @WithAdvisoryLock('report')
      async write(ends: 'well' | 'badly'): Promise<LockLostError> {
        const lock = this.locks.current();
        if (lock === undefined) throw new Error('not locked');
        await terminateHolders(database);
        const reason = await lossOf(lock);
        // What is begun from now on is handed an aborted signal rather than none.
        expect(this.locks.current()?.signal.reason).toBe(reason);
        expect(() => {
          this.locks.assertHeld('report');
        }).toThrow(reason);
        if (ends === 'badly') throw new Error('my own');
        return reason;
      }
    }
    const { app } = await start({
      imports: [postgres(database), AdvisoryLockModule.forRoot()],
      providers: [Reports],
    });
    const reports = app.get(Reports);
    await expect(reports.write('well')).rejects.toMatchObject({ code: 'LOCK_LOST', lockName: 'report' });
    await expect(reports.write('badly')).rejects.toThrow('my own');
  });

  it('`withLock` rejects only when its body has settled, and another may hold the lock by then', async () => {
    const [mine, other] = [createLocks(database.url).service, createLocks(database.url).service];
    let isSettled = false;
    const lost = new Gate();
    const run = mine
      .withLock('import', async (lock) => {
        await terminateHolders(database);
        await lossOf(lock);
        await lost.pass();
        return 'done';
      })
      .finally(() => (isSettled = true));
    run.catch(() => undefined);
    await lost.reached;
    const next = await other.acquire('import', { waitMs: Infinity });
    // A request of the same process goes to a new session.
    await (await mine.acquire('report')).release();
    expect(isSettled).toBe(false);
    lost.open();
    await expect(run).rejects.toMatchObject({ code: 'LOCK_LOST' });
    // Neither the end of the body nor the new session has taken the lock from its new holder.
    expect(next.isHeld).toBe(true);
    expect(await mine.tryAcquire('import')).toBeUndefined();
    await next.release();
  });

  it('makes its waiters wait again, here and in Postgres, in their order', async () => {
    const { service } = createLocks(database.url);
    const order: string[] = [];
    const lock = await service.acquire('import');
    const turn = async (name: string): Promise<void> => {
      await service.withLock('import', () => order.push(name), { waitMs: Infinity });
    };
    const turns = [turn('first'), turn('second')];
    const other = await createLocks(database.url).service.acquire('report');
    const queued = service.acquire('report', { waitMs: Infinity });
    const waitingPid = async (): Promise<number | undefined> =>
      (await database.advisoryLocks()).find(({ granted }) => !granted)?.pid;
    await until(async () => (await waitingPid()) !== undefined, 'it waits in Postgres');
    const pid = await waitingPid();

    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks
        WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [lock.key.classid, lock.key.objid],
    );
    await database.query('SELECT pg_terminate_backend($1)', [pid]);
    await lossOf(lock);
    await Promise.all(turns);
    expect(order).toEqual(['first', 'second']);
    await until(async () => ![undefined, pid].includes(await waitingPid()), 'it waits on a new connection');
    await other.release();
    await (await queued).release();
  });
});

it('readers that wait are let in when the server could not be asked whether others wait', async () => {
  const proxy = await startProxy(database.url);
  defer(() => proxy.close());
  const { service, table } = createLocks(proxy.url(database.url), { maxLocalHandoffs: 1 });
  const writer = await createLocks(database.url).service.acquire('config');
  const read = (): Promise<AdvisoryLock> => service.acquire('config', { mode: 'shared', waitMs: Infinity });
  // In the queue of Postgres, and so on a session of its own.
  const first = read();
  await until(() => table.sessions.waiting.isAnyWaiting, 'it waits');
  await writer.release();
  await first;
  await (await read()).release();

  await proxy.refuse();
  await database.query('SELECT pg_terminate_backend($1)', [table.sessions.shared?.backendPid]);
  await until(() => table.sessions.shared === undefined, 'the session is over');
  const next = read();
  await sleep(300);
  await proxy.accept();
  await (await next).release();
  await (await first).release();
});
