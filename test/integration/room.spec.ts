import { describe, expect, it } from '@jest/globals';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

const refused = (message: RegExp) => ({
  code: 'LOCK_CAPACITY',
  message: expect.stringMatching(message) as unknown,
});

describe('a process that may hold a few locks', () => {
  it('is refused more, with what it holds most of, until it releases others', async () => {
    const { service, engine } = createLocks(database.url, { maxLocks: 4 });
    const held = await Promise.all(
      ['order:1', 'order:2', 'order:3', 'import'].map((name) => service.acquire(name)),
    );
    const message =
      /"order:4" was not taken: this process holds 4 locks, and `maxLocks` .* is 4\. Most of them are "order:\*" \(3\), "import" \(1\)/;
    await expect(service.acquire('order:4')).rejects.toMatchObject(refused(message));
    await expect(service.acquire('order:4', { waitMs: Infinity })).rejects.toMatchObject(refused(message));
    expect(await database.advisoryLocks()).toHaveLength(4);
    await held[0]?.release();
    const next = await service.acquire('order:4');
    expect(engine.lockCounts).toEqual({ used: 4, allowed: 4 });
    await Promise.all([...held, next].map((lock) => lock.release()));
    expect(engine.lockCounts).toEqual({ used: 0, allowed: 4 });
  });

  it('needs no room for a lock that it does not get, nor twice for one that it has', async () => {
    const { service, engine } = createLocks(database.url, { maxLocks: 1 });
    const other = createLocks(database.url).service;
    const busy = await other.acquire('busy');
    for (let count = 0; count < 3; count += 1) expect(await service.tryAcquire('busy')).toBeUndefined();
    await expect(service.acquire('busy', { waitMs: 50 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    expect(engine.lockCounts.used).toBe(0);

    const waiting = service.acquire('busy', { waitMs: Infinity });
    await until(
      async () => (await database.advisoryLocks()).some(({ granted }) => !granted),
      'it waits in the queue',
    );
    await busy.release();
    const got = await waiting;
    expect(engine.lockCounts.used).toBe(1);
    await got.release();

    const readers = await Promise.all([1, 2, 3].map(() => service.acquire('report', { mode: 'shared' })));
    expect(engine.lockCounts.used).toBe(1);
    await Promise.all(readers.map((lock) => lock.release()));
    expect(engine.lockCounts.used).toBe(0);
  });

  it('takes none of several that do not fit, and has its room back afterwards', async () => {
    const { service, engine } = createLocks(database.url, { maxLocks: 3 });
    await expect(service.acquire(['a', 'b', 'c', 'd'])).rejects.toMatchObject({ code: 'LOCK_CAPACITY' });
    expect(await database.advisoryLocks()).toEqual([]);
    expect(engine.lockCounts.used).toBe(0);
    const permits = await Promise.all([1, 2, 3].map(() => service.acquire('slots', { permits: 5 })));
    await expect(service.acquire('slots', { permits: 5 })).rejects.toMatchObject(refused(/"slots/));
    await Promise.all(permits.map((lock) => lock.release()));
    await (await service.acquire(['a', 'b', 'c'])).release();
    expect(engine.lockCounts.used).toBe(0);
  });

  it('counts claims, and has all of its room back when the connection is lost', async () => {
    const { service, engine } = createLocks(database.url, { maxLocks: 2 });
    const claim = engine.keys.keyOf('tick');
    expect(await engine.claims.make(claim, { keepMs: 60_000, isRemembered: false })).toBe(true);
    const lock = await service.acquire('import');
    await expect(service.acquire('another')).rejects.toMatchObject({ code: 'LOCK_CAPACITY' });
    await terminateHolders(database);
    await until(() => Promise.resolve(lock.signal.aborted), 'the lock is lost');
    expect(engine.lockCounts.used).toBe(0);
    await (await service.acquire(['one', 'other'])).release();
  });
});
