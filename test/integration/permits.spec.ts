import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import type { LockHold } from '../../lib/core/index.js';
import { startWorker } from '../support/processes.js';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();
const ofProcess = (): AdvisoryLockService => createLocks(database.url).service;
const three = { permits: 3 };

describe('a lock with permits', () => {
  it('has that many holders in the whole fleet', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = [
      await mine.acquire('import', three),
      await other.acquire('import', three),
      await mine.acquire('import', three),
    ];
    expect(held.map(({ name }) => name)).toEqual(['import', 'import', 'import']);
    expect(await database.advisoryLocks()).toHaveLength(3);
    await expect(mine.acquire('import', three)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    expect(await other.tryAcquire('import', three)).toBeUndefined();
    await held[1]?.release();
    const again = await mine.acquire('import', three);
    await Promise.all([...held, again].map((lock) => lock.release()));
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('of one is the plain lock', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    await using lock = await mine.acquire('import', { permits: 1 });
    expect(await other.tryAcquire('import')).toBeUndefined();
    expect(lock.isHeld).toBe(true);
  });

  it('has never more holders than the largest number, when callers disagree', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = [];
    for (let n = 0; n < 3; n += 1) held.push(await mine.acquire('import', three));
    expect(await other.tryAcquire('import', { permits: 2 })).toBeUndefined();
    expect(await other.tryAcquire('import')).toBeUndefined();
    held.push(await other.acquire('import', { permits: 4 }));
    expect(await mine.tryAcquire('import', { permits: 4 })).toBeUndefined();
    await Promise.all(held.map((lock) => lock.release()));
  });

  it('is waited for, and given up when the time is over', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = [
      await mine.acquire('import', { permits: 2 }),
      await other.acquire('import', { permits: 2 }),
    ];
    await expect(mine.acquire('import', { permits: 2, waitMs: 30 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
    const waiting = [mine, other, mine].map((service) =>
      service.acquire('import', { permits: 2, waitMs: Infinity }),
    );
    for (const lock of held) await lock.release();
    const [first, second, third] = waiting;
    await (await Promise.race([first, second, third]))?.release();
    for (const lock of await Promise.all(waiting)) await lock.release();
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('ends its wait with the reason of the signal, and leaves nothing', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const held = await Promise.all([0, 1].map(() => other.acquire('import', { permits: 2 })));
    const leaving = new AbortController();
    const waiting = mine.acquire('import', { permits: 2, waitMs: Infinity, signal: leaving.signal });
    await until(async () => (await database.advisoryLocks()).some(({ granted }) => !granted), 'it waits');
    leaving.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    expect(await database.advisoryLocks()).toHaveLength(2);
    await Promise.all(held.map((lock) => lock.release()));
  });

  it('is not given when it is lost while the turn to wait is given back', async () => {
    const { service, table } = createLocks(database.url);
    const other = ofProcess();
    const taken = await Promise.all([0, 1].map(() => other.acquire('import', { permits: 2 })));
    const holds: LockHold[] = [];
    const [acquire, tryAcquire, release] = [
      table.acquire.bind(table),
      table.tryAcquire.bind(table),
      table.release.bind(table),
    ];
    const noted = async (asked: Promise<LockHold | undefined>): Promise<LockHold | undefined> => {
      const hold = await asked;
      if (hold !== undefined) holds.push(hold);
      return hold;
    };
    table.acquire = (...args) => noted(acquire(...args));
    table.tryAcquire = (...args) => noted(tryAcquire(...args));
    table.release = async (hold) => {
      await terminateHolders(database);
      await until(() => holds.every(({ lost }) => lost !== undefined), 'the permit and the turn are lost');
      return release(hold);
    };
    let hasRun = false;
    const waiting = service.withLock('import', () => (hasRun = true), { permits: 2, waitMs: Infinity });
    const refused = expect(waiting).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await until(async () => (await database.advisoryLocks()).some(({ granted }) => !granted), 'it waits');
    await Promise.all(taken.map((lock) => lock.release()));
    await refused;
    expect(hasRun).toBe(false);
  });

  it('is inside for the code that holds one', async () => {
    const mine = ofProcess();
    await mine.withLock(
      'import',
      async () => {
        mine.assertHeld('import');
        expect(mine.current('import')?.name).toBe('import');
        await mine.withLock('import', () => undefined, { ...three, reentry: 'join' });
        expect(await database.advisoryLocks()).toHaveLength(1);
      },
      three,
    );
  });

  it('gets the permits of a dead process back', async () => {
    const worker = startWorker(new URL('../e2e/workers/holder.ts', import.meta.url), {
      env: { TEST_URL: database.url, TEST_PERMITS: '2' },
      args: ['import', 'import'],
    });
    await worker.message<{ type: string }>(({ type }) => type === 'holding', 60_000);
    const mine = ofProcess();
    expect(await mine.tryAcquire('import', { permits: 2 })).toBeUndefined();
    const waiting = [0, 1].map(() => mine.acquire('import', { permits: 2, waitMs: Infinity }));
    worker.kill('SIGKILL');
    for (const lock of await Promise.all(waiting)) await lock.release();
  });

  it.each([
    ['of a key', 7, three],
    ['of several names', ['a', 'b'], three],
    ['for readers', 'a', { ...three, mode: 'shared' }],
    ['of none', 'a', { permits: 0 }],
    ['of a half', 'a', { permits: 0.5 }],
    ['of too many', 'a', { permits: 101 }],
  ] as const)('refuses permits %s', async (_what, name, options) => {
    await expect(ofProcess().acquire(name, options)).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
  });

  it('never has more holders than permits, however processes race', async () => {
    const services = [ofProcess(), ofProcess(), ofProcess()];
    let holders = 0;
    let most = 0;
    const contender = async (service: AdvisoryLockService): Promise<void> => {
      for (let round = 0; round < 40; round += 1) {
        const options = { permits: 3, waitMs: Math.random() < 0.3 ? 0 : Math.random() * 100 };
        const lock = await service.tryAcquire('hot', options);
        if (lock === undefined) continue;
        holders += 1;
        most = Math.max(most, holders);
        await sleep(Math.random() * 3);
        holders -= 1;
        await lock.release();
      }
    };
    await Promise.all(services.flatMap((service) => [1, 2, 3].map(() => contender(service))));
    expect(most).toBe(3);
    expect(await database.advisoryLocks()).toEqual([]);
  }, 60_000);
});
