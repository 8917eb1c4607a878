import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import type { LockMode } from '../../lib/core/index.js';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();
const ofProcess = (): AdvisoryLockService => createLocks(database.url).service;
const shared = { mode: 'shared' } as const;
/** Far more than are let in before a writer has its turn. */
const MANY_READS = 10_000;
const queue = async () => (await database.advisoryLocks()).filter(({ granted }) => !granted);

describe('a shared lock', () => {
  it('has many readers, here and in other processes, and no writer', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const readers = await Promise.all([
      ...Array.from({ length: 50 }, () => mine.acquire('config', shared)),
      ...Array.from({ length: 50 }, () => other.acquire('config', shared)),
    ]);
    // One lock of Postgres for each process.
    expect(await database.advisoryLocks()).toMatchObject([{ mode: 'ShareLock' }, { mode: 'ShareLock' }]);
    expect(readers.map(({ mode }) => mode)).toEqual(readers.map(() => 'shared'));
    expect(await mine.tryAcquire('config')).toBeUndefined();
    for (const reader of readers.slice(1)) await reader.release();
    expect(await other.tryAcquire('config')).toBeUndefined();
    await readers[0]?.release();
    await using writer = await other.acquire('config');
    expect(await mine.tryAcquire('config', shared)).toBeUndefined();
    expect(await other.tryAcquire('config', shared)).toBeUndefined();
    expect(writer.mode).toBe('exclusive');
  });

  it('lets readers in one after the other while no writer waits', async () => {
    const mine = ofProcess();
    const readers = [];
    for (let n = 0; n < 100; n += 1) readers.push(await mine.acquire('config', shared));
    expect(await database.advisoryLocks()).toHaveLength(1);
    await Promise.all(readers.map((reader) => reader.release()));
  });

  it('is not joined past a writer that waits here; the readers behind it enter together', async () => {
    const mine = ofProcess();
    const first = await mine.acquire('config', shared);
    const log: string[] = [];
    const writing = mine.withLock('config', () => log.push('writer'), { waitMs: Infinity });
    expect(await mine.tryAcquire('config', shared)).toBeUndefined();
    let readersAtOnce = 0;
    const reading = Array.from({ length: 5 }, () =>
      mine.withLock(
        'config',
        async () => {
          readersAtOnce += 1;
          log.push('reader');
          await until(() => readersAtOnce === 5, 'all readers are in');
        },
        { ...shared, waitMs: Infinity },
      ),
    );
    await first.release();
    await Promise.all([writing, ...reading]);
    expect(log).toEqual(['writer', 'reader', 'reader', 'reader', 'reader', 'reader']);
  });

  it('does not starve a writer of another process, under an endless stream of readers', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    let isWritten = false;
    let reads = 0;
    const readers = Array.from({ length: 4 }, async () => {
      while (!isWritten && reads < MANY_READS) {
        reads += 1;
        await mine.withLock('config', () => sleep(1), { ...shared, waitMs: Infinity });
      }
    });
    await until(async () => (await database.advisoryLocks()).length > 0, 'there are readers');
    await other.withLock('config', () => (isWritten = true), { waitMs: Infinity });
    await Promise.all(readers);
    expect(reads).toBeLessThan(MANY_READS);
  });

  it('waits for a writer of another process, and a writer waits for its readers', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    const log: string[] = [];
    const writer = await other.acquire('config');
    const reading = mine.acquire('config', { ...shared, waitMs: Infinity });
    void reading.then(() => log.push('reader'));
    await until(async () => (await queue()).length === 1, 'the reader is in the queue');
    log.push('first writer leaves');
    await writer.release();
    const reader = await reading;
    const writing = other.acquire('config', { waitMs: Infinity });
    void writing.then(() => log.push('second writer'));
    await until(async () => (await queue()).length === 1, 'the writer is in the queue');
    log.push('reader leaves');
    await reader.release();
    const second = await writing;
    expect(log).toEqual(['first writer leaves', 'reader', 'reader leaves', 'second writer']);
    expect([reader.mode, second.mode]).toEqual(['shared', 'exclusive']);
    await second.release();
  });

  it('is requested in the other mode when the first waiter leaves', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    await using reader = await other.acquire('config', shared);
    const leaving = new AbortController();
    const writing = mine.acquire('config', { waitMs: Infinity, signal: leaving.signal });
    const reading = mine.acquire('config', { ...shared, waitMs: Infinity });
    await until(async () => (await queue()).length === 1, 'the writer is in the queue');
    leaving.abort();
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' });
    await (await reading).release();
    expect(reader.isHeld).toBe(true);
  });

  it('lets readers in when the writer before them in their process leaves', async () => {
    const mine = ofProcess();
    await using reader = await mine.acquire('config', shared);
    const leaving = new AbortController();
    const writing = mine.acquire('config', { waitMs: Infinity, signal: leaving.signal });
    const reading = [0, 1].map(() => mine.acquire('config', { ...shared, waitMs: Infinity }));
    leaving.abort();
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' });
    for (const lock of await Promise.all(reading)) await lock.release();
    expect(reader.isHeld).toBe(true);
  });

  it('lets readers in when the writer before them in another process leaves', async () => {
    const mine = createLocks(database.url, { maxLocalHandoffs: 0 }).service;
    const other = ofProcess();
    await using reader = await mine.acquire('config', shared);
    const leaving = new AbortController();
    const writing = other.acquire('config', { waitMs: Infinity, signal: leaving.signal });
    await until(async () => (await queue()).length === 1, 'the writer is in the queue');
    expect(await mine.tryAcquire('config', shared)).toBeUndefined();
    const reading = mine.acquire('config', { ...shared, waitMs: Infinity });
    leaving.abort();
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' });
    await (await reading).release();
    expect(reader.isHeld).toBe(true);
  });

  it('is re-entered by readers, and refused to a writer inside, which would wait for itself', async () => {
    const mine = ofProcess();
    await mine.withLock(
      'config',
      async () => {
        await mine.withLock('config', () => undefined, shared);
        await expect(mine.acquire('config', { waitMs: Infinity })).rejects.toMatchObject({
          code: 'LOCK_CONFIGURATION',
          message: expect.stringContaining('wait for itself'),
        });
      },
      shared,
    );
    await mine.withLock('config', (writer) =>
      mine.withLock(
        'config',
        (reader) => {
          expect([writer.mode, reader.mode]).toEqual(['exclusive', 'exclusive']);
        },
        { ...shared, reentry: 'join' },
      ),
    );
  });

  it('is lost by all of its readers', async () => {
    const mine = ofProcess();
    const readers = await Promise.all(Array.from({ length: 3 }, () => mine.acquire('config', shared)));
    await terminateHolders(database);
    await until(() => readers.every((reader) => reader.signal.aborted), 'all are notified');
    await using writer = await mine.acquire('config', { waitMs: 5_000 });
    expect(writer.isHeld).toBe(true);
  });

  it('of several names is shared in all of them', async () => {
    const [mine, other] = [ofProcess(), ofProcess()];
    await using both = await mine.acquire(['a', 'b'], shared);
    await using reader = await other.acquire('b', shared);
    expect([both.mode, reader.mode]).toEqual(['shared', 'shared']);
    expect(await other.tryAcquire('a')).toBeUndefined();
  });

  it('serves a reader that checks for writers of other processes before a later writer', async () => {
    const { service } = createLocks(database.url, { maxLocalHandoffs: 1 });
    const held = [
      await service.acquire('k', { mode: 'shared' }),
      await service.acquire('k', { mode: 'shared' }),
    ];
    const served: string[] = [];
    const serve = async (mode: LockMode): Promise<void> => {
      await service.withLock('k', () => served.push(mode), { mode, waitMs: Infinity });
    };
    const all = [serve('shared'), serve('exclusive')];
    for (const lock of held) await lock.release();
    await Promise.all(all);
    expect(served).toEqual(['shared', 'exclusive']);
  });

  it('never has a reader together with a writer when processes race', async () => {
    const services = [ofProcess(), ofProcess(), ofProcess()];
    let readers = 0;
    let writers = 0;
    let mistakes = 0;
    let readersAtOnce = 0;
    const contender = async (service: AdvisoryLockService): Promise<void> => {
      for (let round = 0; round < 200; round += 1) {
        const mode = Math.random() < 0.7 ? 'shared' : 'exclusive';
        const outcome = await service.tryAcquire('hot', {
          mode,
          waitMs: Math.random() < 0.2 ? 0 : Math.random() * 20,
        });
        if (outcome === undefined) continue;
        if (writers > 0 || (mode === 'exclusive' && readers > 0)) mistakes += 1;
        if (mode === 'shared') readers += 1;
        else writers += 1;
        readersAtOnce = Math.max(readersAtOnce, readers);
        await sleep(Math.random() * 2);
        if (mode === 'shared') readers -= 1;
        else writers -= 1;
        await outcome.release();
      }
    };
    await Promise.all(services.flatMap((service) => [1, 2, 3, 4].map(() => contender(service))));
    expect(mistakes).toBe(0);
    expect(readersAtOnce).toBeGreaterThan(2);
    expect(await database.advisoryLocks()).toEqual([]);
  }, 60_000);
});
