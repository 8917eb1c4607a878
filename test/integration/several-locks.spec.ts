import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();
const ofProcess = (): AdvisoryLockService => createLocks(database.url).service;

describe('several locks at once', () => {
  it('are all held, as one', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    await mine.withLock(['b', 'a', 7n, [1, 2]], async (lock) => {
      expect(lock).toMatchObject({ name: 'b, a, 7, (1, 2)', isHeld: true });
      expect(lock.keys.map(String).slice(2)).toEqual(['7', '(1, 2)']);
      for (const name of ['a', 'b', 7, [1, 2]] as const) {
        expect(await other.tryAcquire(name)).toBeUndefined();
        mine.assertHeld(name);
      }
      expect(mine.current('a')).toBe(lock);
    });
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('are none when one is busy, here or in another process', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    await using held = await other.acquire('b');
    await expect(mine.acquire(['a', 'b', 'c'])).rejects.toMatchObject({
      code: 'LOCK_UNAVAILABLE',
      lockName: 'a, b, c',
    });
    await expect(other.acquire(['a', 'b', 'c'])).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    expect(await mine.tryWithLock(['c', 'b'], () => 1)).toEqual({ acquired: false });
    expect(held.isHeld).toBe(true);
    expect(await database.advisoryLocks()).toHaveLength(1);
  });

  it('treat a pair of numbers as one key, and a repeated name as one', async () => {
    const mine = ofProcess();
    await using pair = await mine.acquire([1, 2]);
    expect(pair.name).toBe('(1, 2)');
    await using twice = await mine.acquire(['a', 'a']);
    expect(twice.keys).toHaveLength(1);
    expect(await database.advisoryLocks()).toHaveLength(2);
  });

  it('refuse an empty list and a bad name in it, and lock nothing', async () => {
    const mine = ofProcess();
    await expect(mine.acquire([1, 2, 3] as unknown as [number, number])).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
    await expect(mine.acquire([])).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
    await expect(mine.acquire(['a', ''])).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
  });

  it('have at most 1,000 names, whatever is asked inside them', async () => {
    const mine = ofProcess();
    const names = Array.from({ length: 1_000 }, (_, n) => `account:${n}`);
    await expect(mine.acquire([...names, 'one more'])).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('at most 1000 names, received 1001'),
    });
    expect(await database.advisoryLocks()).toEqual([]);
    await mine.withLock(names, async (outer) => {
      const inner = await mine.acquire(names.toReversed(), { reentry: 'join' });
      expect(inner.keys.map(String)).toEqual(outer.keys.map(String).reverse());
      await inner.release();
      expect(outer.isHeld).toBe(true);
      expect(await database.advisoryLocks()).toHaveLength(1_000);
    });
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('are none when one name is a promise, and no rejection is unhandled', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const names = [1, 2].map(() => Promise.reject(new Error('not found'))) as unknown as string[];
    await expect(ofProcess().acquire(names)).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
    await new Promise(setImmediate);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('wait until all are free, and give up all when the time is over', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = [await other.acquire('a'), await other.acquire('c')];
    await expect(mine.acquire(['a', 'b', 'c'], { waitMs: 50 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
    expect(await database.advisoryLocks()).toHaveLength(2);

    const waiting = mine.acquire(['c', 'b', 'a'], { waitMs: Infinity });
    await until(
      async () => (await database.advisoryLocks()).some(({ granted }) => !granted),
      'one is waited for',
    );
    for (const lock of held) await lock.release();
    await using all = await waiting;
    expect(all.isHeld).toBe(true);
  });

  it('join what the calling code holds already, and leave that to it', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    await mine.withLock('a', async (outer) => {
      await mine.withLock(
        ['a', 'b'],
        async () => {
          await mine.withLock('b', () => undefined, { reentry: 'join' });
          expect(await other.tryAcquire('b')).toBeUndefined();
        },
        { reentry: 'join' },
      );
      expect(outer.isHeld).toBe(true);
      expect(await other.tryWithLock('b', () => 'free')).toMatchObject({ acquired: true });
      expect(await other.tryAcquire('a')).toBeUndefined();
    });
  });

  it('release what was held already when one of them is refused', async () => {
    const mine = ofProcess();
    const refused = () =>
      expect(mine.acquire(['a', 'z'], { reentry: 'join' })).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
        lockName: 'z',
      });
    await mine.withLock('a', () => mine.withLock('z', refused, { mode: 'shared' }));
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('are lost together', async () => {
    const mine = ofProcess();
    const lock = await mine.acquire(['a', 'b']);
    const loss = once(lock.signal, 'abort');
    await terminateHolders(database);
    await loss;
    expect(lock.isHeld).toBe(false);
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
    await lock.release();
  });

  it.each(['a', 'b', 'c'])('are waited for first come, first served, when only %s is busy', async (busy) => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = await other.acquire(busy);
    const served: number[] = [];
    const all = [0, 1, 2, 3].map((caller) =>
      mine.withLock(['c', 'a', 'b'], () => served.push(caller), { waitMs: Infinity }),
    );
    await until(async () => (await database.advisoryLocks()).some(({ granted }) => !granted), 'they wait');
    await held.release();
    await Promise.all(all);
    expect(served).toEqual([0, 1, 2, 3]);
  });

  it('cannot wait for each other, in whichever order they are named', async () => {
    const services = [ofProcess(), ofProcess(), ofProcess()];
    const names = ['a', 'b', 'c', 'd'];
    const holders = new Map<string, number>();
    let overlaps = 0;
    const contender = async (service: AdvisoryLockService): Promise<void> => {
      for (let round = 0; round < 60; round += 1) {
        const wanted = names.filter(() => Math.random() < 0.6).sort(() => Math.random() - 0.5);
        if (wanted.length === 0) continue;
        await service.withLock(
          wanted,
          async () => {
            for (const name of wanted) {
              if ((holders.get(name) ?? 0) > 0) overlaps += 1;
              holders.set(name, 1);
            }
            await sleep(Math.random() * 2);
            for (const name of wanted) holders.set(name, 0);
          },
          { waitMs: Infinity },
        );
      }
    };
    await Promise.all(services.flatMap((service) => [contender(service), contender(service)]));
    expect(overlaps).toBe(0);
    expect(await database.advisoryLocks()).toEqual([]);
  });
});
