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

  /** A service, as of a process, and all that it tells. */
  async function listening() {
    const dataSource = await openDataSource(database.url);
    const { service, features } = createLocks(database.url, {}, dataSource);
    const heard: LockEvent[] = [];
    const stop = service.events.on('*', (event) => heard.push(event));
    const types = () => heard.map(({ type }) => type);
    return { service, features, dataSource, heard, stop, types };
  }
  const holdOf = (event: LockEvent | undefined) =>
    event !== undefined && 'holdId' in event ? event.holdId : undefined;
  const ofElsewhere = () => createLocks(database.url).service;

  it('tell of a lock that is taken, and released', async () => {
    const { service, heard } = await listening();
    await service.withLock('import', () =>
      service.withLock('import', () => 'inside of it, which is not told', { reentry: 'join' }),
    );
    expect(heard).toMatchObject([
      { type: 'acquired', lockName: 'import', mode: 'exclusive', scope: 'session' },
      { type: 'released', lockName: 'import', mode: 'exclusive', scope: 'session' },
    ]);
    expect(new Set(heard.map(holdOf)).size).toBe(1);
    const [acquired, released] = heard as [LockEvent & { waitedMs: number }, LockEvent & { heldMs: number }];
    expect(acquired.waitedMs).toBeGreaterThan(0);
    expect(released.heldMs).toBe(released.at.getTime() - acquired.at.getTime());
  });

  it('tell of a lock that is busy, waited for, and given up', async () => {
    const { service, types, heard } = await listening();
    const held = await ofElsewhere().acquire('import');

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

    expect(heard).toMatchObject([
      { type: 'busy', waitedMs: 0, isAborted: false },
      { type: 'waiting', waitMs: 50 },
      { type: 'busy', isAborted: false },
      { type: 'waiting', waitMs: Infinity },
      { type: 'busy', isAborted: true },
      { type: 'waiting', mode: 'shared' },
      { type: 'acquired', mode: 'shared' },
      { type: 'released' },
    ]);
    expect((heard[2] as LockEvent & { waitedMs: number }).waitedMs).toBeGreaterThanOrEqual(49);
  });

  it('tell of one who waits behind another of the same process', async () => {
    const { service, types } = await listening();
    const first = await service.acquire('import');
    const second = service.acquire('import', { waitMs: Infinity });
    expect(types()).toEqual(['acquired', 'waiting']);
    await first.release();
    await (await second).release();
    expect(types()).toEqual(['acquired', 'waiting', 'released', 'acquired', 'released']);
  });

  it('tell of several locks one by one, and of permits by their name', async () => {
    const { service, heard } = await listening();
    await service.withLock(['a', 'b'], () => undefined);
    await service.withLock('pool', () => undefined, { permits: 3 });
    const names = heard.map((event) => `${event.type} ${event.lockName}`);
    expect(names.slice(0, 4).sort()).toEqual(['acquired a', 'acquired b', 'released a', 'released b']);
    expect(names.slice(4)).toEqual(['acquired pool', 'released pool']);

    await ofElsewhere().acquire('b');
    heard.length = 0;
    await service.tryAcquire(['a', 'b']);
    expect(heard).toMatchObject([{ type: 'busy', lockName: 'a, b' }]);
  });

  it('tell of a lock that is lost, once, and of the connection', async () => {
    const { service, heard, types } = await listening();
    const lock = await service.acquire('import');
    const aborted = once(lock.signal, 'abort');
    await terminateHolders(database);
    await aborted;
    await lock.release();
    await until(() => types().length === 3, 'the end of the connection is told');
    expect(heard).toMatchObject([
      { type: 'acquired' },
      { type: 'lost', lockName: 'import', error: { code: 'LOCK_LOST' } },
      { type: 'error', error: { code: 'LOCK_CONNECTION' } },
    ]);
    expect(holdOf(heard[1])).toBe(holdOf(heard[0]));
  });

  it('tell of a lock that could not be asked for', async () => {
    const { service, heard } = await listening();
    await expect(service.acquire('import', { waitMs: -1 })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
    expect(heard).toEqual([]);
    const away = createLocks('postgres://nobody@127.0.0.1:1/none').service;
    away.events.on('error', (event) => heard.push(event));
    await expect(away.acquire('import')).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    expect(heard).toMatchObject([{ type: 'error', lockName: 'import', error: { code: 'LOCK_CONNECTION' } }]);
  });

  it('tell of locks of a transaction, which last until the outermost has ended', async () => {
    const { service, dataSource, heard, types } = await listening();
    await service.withTransactionLock('outer', async () => {
      await service.withTransactionLock('inner', () => undefined);
      expect(types()).toEqual(['acquired', 'acquired']);
      await expect(
        service.withTransactionLock('undone', () => Promise.reject(new Error('no'))),
      ).rejects.toThrow('no');
      expect(types()).toEqual(['acquired', 'acquired', 'acquired', 'released']);
    });
    expect(heard).toMatchObject([
      { type: 'acquired', lockName: 'outer', scope: 'transaction' },
      { type: 'acquired', lockName: 'inner' },
      { type: 'acquired', lockName: 'undone' },
      { type: 'released', lockName: 'undone' },
      { type: 'released', lockName: 'outer', scope: 'transaction' },
      { type: 'released', lockName: 'inner' },
    ]);

    heard.length = 0;
    await dataSource.transaction((manager) => service.lockInTransaction(manager, 'own'));
    expect(types()).toEqual(['acquired']);

    heard.length = 0;
    await ofElsewhere().acquire('busy');
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

  it('come until the listener has had enough, and to each listener of the same function', async () => {
    const { service, heard, stop } = await listening();
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
    expect({ count, heard: heard.length }).toEqual({ count: 3, heard: 4 });
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
