import { describe, expect } from '@jest/globals';
import { LockEngine } from '../../lib/core/index.js';
import type { AdvisoryLock } from '../../lib/index.js';
import { defer } from '../support/cleanup.js';
import { createLocks, type Locks, type LocksOptions } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { testsTogether } from '../support/tests-together.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { startHolder } from './support/holder-process.js';
import type { Directions, TcpProxy } from './support/tcp-proxy.js';
import { startProxy } from './support/tcp-proxy.js';
import { lossOf, SHORT_TIMES } from './support/lock-loss.js';

const { database, it } = testsTogether({ atOnce: 4 });

const OPTIONS: LocksOptions = { ...SHORT_TIMES, connectionOptions: { connectTimeoutMS: 3_000 } };
const SILENCE = /no response for \d+ ms, and `lostAfterMs` is 1200/;

const BOTH_WAYS: Directions = { toServer: true, toClient: true };
const TO_SERVER: Directions = { toServer: true };
const TO_CLIENT: Directions = { toClient: true };

const open = (): Promise<TcpProxy> => closeAfterTest(startProxy(database.url));
const through = (proxy: TcpProxy, options = OPTIONS): Locks => createLocks(proxy.url(database.url), options);
const isAtServer = async (lock: AdvisoryLock): Promise<boolean> =>
  (await database.advisoryLocks()).some(
    ({ classid, objid }) => classid === lock.key.classid && objid === lock.key.objid,
  );
const queued = async (): Promise<number> =>
  (await database.advisoryLocks()).filter(({ granted }) => !granted).length;

describe('a network that goes silent and closes nothing', () => {
  for (const [way, directions] of [
    ['both ways', BOTH_WAYS],
    ['on the way to the server', TO_SERVER],
  ] as const) {
    const title = `${way}: holders are notified, and the server keeps their locks until it learns of the end`;
    it(title, async () => {
      const proxy = await open();
      const { service } = through(proxy);
      const [one, several] = [await service.acquire('import'), await service.acquire(['a', 'b'])];
      proxy.silence(directions);
      for (const lock of [one, several]) {
        expect(await lossOf(lock)).toMatchObject({
          code: 'LOCK_LOST',
          message: expect.stringMatching(SILENCE),
        });
        await lock.release();
      }
      // The proxy's kernel acknowledges the keep-alives, and the proxy forwards
      // no end: the server notices nothing.
      expect(await isAtServer(one)).toBe(true);
      proxy.resume();
      await until(async () => !(await isAtServer(one)), 'the end of the connection has arrived');
    });
  }

  it('on the way to the client: holders are notified before another caller gets the lock', async () => {
    const proxy = await open();
    const holder = await startHolder(proxy.url(database.url));
    await holder.ask({ acquire: 'import', blockWhenLostMs: 500 });
    // The one that is waited for is held on another connection.
    const other = createLocks(database.url).service;
    const held = await other.acquire('report');
    const waited = holder.ask({ acquire: 'report', waitMs: 'forever', blockWhenLostMs: 500 });
    await until(async () => (await queued()) === 1, 'it waits');
    await held.release();
    await waited;

    const gotAt = async (name: string): Promise<number> => {
      await using lock = await other.acquire(name, { waitMs: Infinity });
      return lock.acquiredAt.getTime();
    };
    const next = [gotAt('import'), gotAt('report')] as const;
    await until(async () => (await queued()) === 2, 'others wait');
    proxy.silence(TO_CLIENT);
    const [nextImport, nextReport] = await Promise.all(next);
    const [{ at, message }, report] = [await holder.lossOf('import'), await holder.lossOf('report')];
    expect(message).toMatch(SILENCE);
    // The server receives the end at once, and yet all listeners had finished by then.
    expect(at).toBeLessThanOrEqual(nextImport);
    expect(report.at).toBeLessThanOrEqual(nextReport);
  });

  it('notifies before a server with `frozenAfterMs` frees the lock, though no end closes', async () => {
    const proxy = await open();
    const lock = await through(proxy, { ...OPTIONS, frozenAfterMs: 4_000 }).service.acquire('import');
    proxy.silence();
    await lossOf(lock);
    expect(await isAtServer(lock)).toBe(true);
    await until(async () => !(await isAtServer(lock)), 'the lease is over');
  });

  for (const [way, directions] of [
    ['both ways', BOTH_WAYS],
    ['on the way to the server', TO_SERVER],
    ['on the way to the client', TO_CLIENT],
  ] as const)
    it(`${way}: callers are refused rather than kept waiting, and served afterwards`, async () => {
      const proxy = await open();
      const { service } = through(proxy);
      const lock = await service.acquire('import');
      proxy.silence(directions);
      // The first in flight on the session, the next while a new one is opened.
      const connection = { code: 'LOCK_CONNECTION' };
      await expect(service.tryAcquire('report')).rejects.toMatchObject(connection);
      await expect(service.acquire('report')).rejects.toMatchObject(connection);
      expect(lock.signal.aborted).toBe(true);
      proxy.resume();
      await using again = await service.acquire('import', { waitMs: 10_000 });
      expect(again.isHeld).toBe(true);
    });

  it('a waiter begins again on a new connection, and gets the lock when the network is back', async () => {
    const proxy = await open();
    const other = await createLocks(database.url).service.acquire('import');
    const { service } = through(proxy, SHORT_TIMES);
    const marker = await service.acquire('marker');
    const waiting = service.acquire('import', { waitMs: Infinity });
    await until(async () => (await queued()) === 1, 'it waits');
    const before = (await database.connections()).map(({ pid }) => pid);
    proxy.silence();
    await other.release();
    await until(async () => (await queued()) === 0, 'it is granted to a backend that cannot be reached');
    expect(await isAtServer(other)).toBe(true);
    await lossOf(marker);
    proxy.resume();
    const lock = await waiting;
    expect(await lock.fencingToken()).toEqual(expect.any(BigInt));
    const holder = (await database.advisoryLocks()).find(({ objid }) => objid === lock.key.objid);
    expect(holder?.granted).toBe(true);
    expect(before).not.toContain(holder?.pid);
    await lock.release();
  });

  it('during the handshake of a connection: callers are refused', async () => {
    const proxy = await open();
    const { service } = through(proxy, SHORT_TIMES);
    const lock = await service.acquire('import');
    await terminateHolders(database);
    await lossOf(lock);
    proxy.delay(150);
    const asking = service.tryAcquire('import');
    asking.catch(() => undefined);
    const isShakingHands = async (): Promise<boolean> =>
      (await database.connections()).some(({ query }) => query.includes('backendPid'));
    await until(isShakingHands, 'its first message has arrived, and the response is on its way');
    proxy.silence();
    await expect(asking).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    proxy.delay(0);
    proxy.resume();
    await (await service.acquire('import', { waitMs: 10_000 })).release();
  });
});

describe('a connection of which one side is closed', () => {
  it('by the server, whose close does not arrive: the holder is notified of the silence', async () => {
    const proxy = await open();
    const { service } = through(proxy);
    const lock = await service.acquire('import');
    proxy.silence(TO_CLIENT);
    await terminateHolders(database);
    // No earlier notice is possible: until then, no sign of it reaches the client.
    await until(async () => !(await isAtServer(lock)), 'it is free at the server');
    expect(lock.signal.aborted).toBe(false);
    expect(await lossOf(lock)).toMatchObject({ message: expect.stringMatching(SILENCE) });
  });

  it('by the server, which closes without a message: the holder is notified at once', async () => {
    const proxy = await open();
    const { service } = through(proxy, { heartbeatMs: 60_000, lostAfterMs: 120_000 });
    const lock = await service.acquire('import');
    proxy.cut();
    expect(await lossOf(lock)).toMatchObject({ code: 'LOCK_LOST' });
    await until(async () => !(await isAtServer(lock)), 'it is free at the server');
  });
});

describe('an idle connection that goes silent', () => {
  it('is given up within a heartbeat by the next lock, which is taken on another connection', async () => {
    const proxy = await open();
    const url = proxy.url(database.url);
    const times = { heartbeatMs: 200, lostAfterMs: 120_000 };
    const applicationName = 'nestjs-advisory-lock';
    const engine = LockEngine.open({
      ...times,
      applicationName,
      database: () => ({ type: 'postgres', url }),
    });
    defer(() => engine.close(0));
    await engine.locks.withLock('import', () => undefined);
    const [silent] = engine.backendPids;
    await until(() => (engine.pulse?.heartbeatAgeMs ?? 0) > times.heartbeatMs, 'it has been idle');
    proxy.silence();
    const taken = engine.locks.withLock('import', () => undefined);
    await until(() => engine.pulse === undefined, 'the connection is given up, long before `lostAfterMs`');
    proxy.resume();
    await taken;
    expect(engine.backendPids).not.toContain(silent);
  });
});
