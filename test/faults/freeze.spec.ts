import { describe, expect, it } from '@jest/globals';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { freeze } from './support/freeze.js';
import { startHolder } from './support/holder-process.js';
import { SHORT_TIMES } from './support/lock-loss.js';

const database = useTestDatabase();

describe('a process that is killed', () => {
  it('leaves its lock to the waiter in another process', async () => {
    const holder = await startHolder(database.url);
    await holder.ask({ acquire: 'import' });
    const waiting = createLocks(database.url).service.acquire('import', { waitMs: Infinity });
    await until(async () => (await database.advisoryLocks()).length === 2, 'it waits');
    holder.worker.kill('SIGKILL');
    await (await waiting).release();
  });
});

describe('a process that is frozen', () => {
  const FREEZE_MS = 2 * SHORT_TIMES.lostAfterMs;
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  it('keeps its lock, and goes on holding it when it thaws, however long it was', async () => {
    const holder = await startHolder(database.url);
    await holder.ask({ acquire: 'import' });
    const frozen = await closeAfterTest(freeze(holder.pid));
    // There is no event for the absence of an event.
    await pause(FREEZE_MS);
    const other = createLocks(database.url).service;
    expect(await other.tryAcquire('import')).toBeUndefined();
    frozen.thaw();
    await pause(SHORT_TIMES.lostAfterMs);
    expect(await holder.ask({ look: 'import' })).toEqual({ isHeld: true, isAborted: false });
    expect(await other.tryAcquire('import')).toBeUndefined();
    expect(await holder.ask({ fence: 'import' })).toEqual({ token: expect.stringMatching(/^\d+$/) });
    await holder.ask({ release: 'import' });
    await (await other.acquire('import')).release();
  });

  it('loses its lock to a server with `frozenAfterMs`, and is notified when it thaws', async () => {
    const holder = await startHolder(database.url, { ...SHORT_TIMES, frozenAfterMs: 2_500 });
    await holder.ask({ acquire: 'import' });
    await holder.ask({ acquire: 'report' });
    const earlier = (await holder.ask({ fence: 'import' })) as { token: string };
    // The lease is kept while it runs.
    await pause(3_500);
    expect(await holder.ask({ look: 'import' })).toEqual({ isHeld: true, isAborted: false });

    const frozen = await closeAfterTest(freeze(holder.pid));
    const next = await createLocks(database.url).service.acquire('import', { waitMs: 20_000 });
    const token = await next.fencingToken();
    expect(token).toBeGreaterThan(BigInt(earlier.token));
    // The question is there already when it thaws.
    const fenced = holder.ask({ fence: 'import' });
    frozen.thaw();
    expect(await fenced).toEqual({ code: 'LOCK_LOST' });
    for (const name of ['import', 'report'])
      expect(await holder.lossOf(name)).toMatchObject({ code: 'LOCK_LOST' });
    expect(await holder.ask({ release: 'import' })).toEqual({ isHeld: false, isAborted: true });
    expect(next.isHeld).toBe(true);
    await next.release();
    expect(await holder.ask({ acquire: 'import', waitMs: 5_000 })).toEqual({ isHeld: true });
  });
});
