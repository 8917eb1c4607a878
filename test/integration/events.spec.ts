import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { LockEvent } from '../../lib/core/index.js';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

describe('events', () => {
  const database = useTestDatabase();

  /** A service, as of a process, and all its events. */
  async function listening() {
    const dataSource = await openDataSource(database.url);
    const { service, features } = createLocks(database.url, {}, dataSource);
    const received: LockEvent[] = [];
    const stop = service.events.on('*', (event) => received.push(event));
    const types = () => received.map(({ type }) => type);
    return { service, features, dataSource, received, stop, types };
  }
  const holdOf = (event: LockEvent | undefined) =>
    event !== undefined && 'holdId' in event ? event.holdId : undefined;
  const otherService = () => createLocks(database.url).service;

  it('report a lock that is taken and released', async () => {
    const { service, received } = await listening();
    await service.withLock('import', () =>
      service.withLock('import', () => 're-entered, without an event', { reentry: 'join' }),
    );
    expect(received).toMatchObject([
      { type: 'acquired', lockName: 'import', mode: 'exclusive', scope: 'session' },
      { type: 'released', lockName: 'import', mode: 'exclusive', scope: 'session' },
    ]);
    expect(new Set(received.map(holdOf)).size).toBe(1);
    const [acquired, released] = received as [
      LockEvent & { waitedMs: number },
      LockEvent & { heldMs: number },
    ];
    expect(acquired.waitedMs).toBeGreaterThan(0);
    expect(released.heldMs).toBe(released.at.getTime() - acquired.at.getTime());
  });

  it('report a lock that is busy, waited for, and given up', async () => {
    const { service, types, received } = await listening();
    const held = await otherService().acquire('import');

    await service.tryAcquire('import');
    expect(types()).toEqual(['busy']);
    await service.tryAcquire('import', { waitMs: 50 });
    expect(types()).toEqual(['busy', 'waiting', 'busy']);
    const given = new AbortController();
    const wait = service.acquire('import', { waitMs: Infinity, signal: given.signal });
    await until(() => types().length === 4, 'it waits');
    given.abort();
    await expect(wait).rejects.toThrow('aborted');
    const granted = service.acquire('import', { waitMs: Infinity, mode: 'shared' });
    await until(() => types().length === 6, 'it waits');
    await held.release();
    await (await granted).release();

    expect(received).toMatchObject([
      { type: 'busy', waitedMs: 0, isAborted: false },
      { type: 'waiting', waitMs: 50 },
      { type: 'busy', isAborted: false },
      { type: 'waiting', waitMs: Infinity },
      { type: 'busy', isAborted: true },
      { type: 'waiting', mode: 'shared' },
      { type: 'acquired', mode: 'shared' },
      { type: 'released' },
    ]);
    expect((received[2] as LockEvent & { waitedMs: number }).waitedMs).toBeGreaterThanOrEqual(49);
  });

  it('report a waiter behind another of the same process', async () => {
    const { service, types } = await listening();
    const first = await service.acquire('import');
    const second = service.acquire('import', { waitMs: Infinity });
    expect(types()).toEqual(['acquired', 'waiting']);
    await first.release();
    await (await second).release();
    expect(types()).toEqual(['acquired', 'waiting', 'released', 'acquired', 'released']);
  });

  it('report several locks one by one, and permits by their name', async () => {
    const { service, received } = await listening();
    await service.withLock(['a', 'b'], () => undefined);
    await service.withLock('pool', () => undefined, { permits: 3 });
    const names = received.map((event) => `${event.type} ${event.lockName}`);
    expect(names.slice(0, 4).sort()).toEqual(['acquired a', 'acquired b', 'released a', 'released b']);
    expect(names.slice(4)).toEqual(['acquired pool', 'released pool']);

    await otherService().acquire('b');
    received.length = 0;
    await service.tryAcquire(['a', 'b']);
    expect(received).toMatchObject([{ type: 'busy', lockName: 'a, b' }]);
  });

  it('report a lost lock once, and the connection', async () => {
    const { service, received, types } = await listening();
    const lock = await service.acquire('import');
    const aborted = once(lock.signal, 'abort');
    await terminateHolders(database);
    await aborted;
    await lock.release();
    await until(() => types().length === 3, 'the end of the connection is reported');
    expect(received).toMatchObject([
      { type: 'acquired' },
      { type: 'lost', lockName: 'import', error: { code: 'LOCK_LOST' } },
      { type: 'error', error: { code: 'LOCK_CONNECTION' } },
    ]);
    expect(holdOf(received[1])).toBe(holdOf(received[0]));
  });

  it('report a lock that could not be requested', async () => {
    const { service, received } = await listening();
    await expect(service.acquire('import', { waitMs: -1 })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
    expect(received).toEqual([]);
    const away = createLocks('postgres://nobody@127.0.0.1:1/none').service;
    away.events.on('error', (event) => received.push(event));
    await expect(away.acquire('import')).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    expect(received).toMatchObject([
      { type: 'error', lockName: 'import', error: { code: 'LOCK_CONNECTION' } },
    ]);
  });

  it('report locks of a transaction, which last until the outermost has ended', async () => {
    const { service, dataSource, received, types } = await listening();
    await service.withTransactionLock('outer', async () => {
      await service.withTransactionLock('inner', () => undefined);
      expect(types()).toEqual(['acquired', 'acquired']);
      await expect(
        service.withTransactionLock('undone', () => Promise.reject(new Error('no'))),
      ).rejects.toThrow('no');
      expect(types()).toEqual(['acquired', 'acquired', 'acquired', 'released']);
    });
    expect(received).toMatchObject([
      { type: 'acquired', lockName: 'outer', scope: 'transaction' },
      { type: 'acquired', lockName: 'inner' },
      { type: 'acquired', lockName: 'undone' },
      { type: 'released', lockName: 'undone' },
      { type: 'released', lockName: 'outer', scope: 'transaction' },
      { type: 'released', lockName: 'inner' },
    ]);

    received.length = 0;
    await dataSource.transaction((manager) => service.lockInTransaction(manager, 'own'));
    expect(types()).toEqual(['acquired']);

    received.length = 0;
    await otherService().acquire('busy');
    await service.tryWithTransactionLock('busy', () => undefined);
    await service.tryWithTransactionLock('busy', () => undefined, { waitMs: 50 });
    expect(types()).toEqual(['busy', 'waiting', 'busy']);
  });

  it('cannot break a lock by their listeners', async () => {
    const { service, types } = await listening();
    const fail = (): never => {
      throw new Error('a listener that fails');
    };
    service.events.on('acquired', fail);
    service.events.on('released', () => Promise.reject(new Error('a listener that fails later')));
    service.events.on('acquired', () => {
      throw Object.create(null);
    });
    expect(await service.withLock('import', () => 42)).toBe(42);
    expect(types()).toEqual(['acquired', 'released']);
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('are published until the listener is removed, and to each listener of the same function', async () => {
    const { service, received, stop } = await listening();
    let count = 0;
    const listener = (): number => (count += 1);
    const stopFirst = service.events.on('acquired', listener);
    const stopSecond = service.events.on('acquired', listener);
    await service.withLock('a', () => undefined);
    expect(count).toBe(2);
    stopFirst();
    stopFirst();
    await service.withLock('a', () => undefined);
    expect(count).toBe(3);
    stopSecond();
    stop();
    expect(service.events.hasListeners).toBe(false);
    await service.withLock('a', () => undefined);
    expect({ count, received: received.length }).toEqual({ count: 3, received: 4 });
  });

  it('are a frame around bodies, once for each lock', async () => {
    const { service, features } = await listening();
    const frames: string[] = [];
    features.bodySpans.attach({
      run: (acquired, body) => {
        frames.push(acquired.lockName);
        return body();
      },
    });
    const join = { reentry: 'join' } as const;
    const inner = () => service.withLock('a', () => service.withLock('b', () => undefined), join);
    await service.withLock('a', inner);
    await service.withTransactionLock('c', () => undefined);
    expect(frames).toEqual(['a', 'b', 'c']);
  });
});
