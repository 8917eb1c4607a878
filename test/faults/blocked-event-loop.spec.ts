import { describe, expect, it as jestIt } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { testsTogether } from '../support/tests-together.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { startHolder } from './support/holder-process.js';
import { startProxy } from './support/tcp-proxy.js';
import { blockEventLoop } from '../support/block-event-loop.js';

const { database, it } = testsTogether();

// The query after a block must succeed within `heartbeatMs`, which a busy machine may need.
const TIMES = { heartbeatMs: 600, lostAfterMs: 1_500 };
/** Longer ones for a long run: `TEST_BLOCKS_MS=60000,180000`. */
const BLOCKS_MS = (process.env.TEST_BLOCKS_MS ?? '1600,3500').split(',').map(Number);

describe('an event loop that is blocked for longer than `lostAfterMs`', () => {
  it(
    'loses nothing, also with a question on its way',
    async () => {
      const holder = await startHolder(database.url, TIMES);
      const other = createLocks(database.url).service;
      await holder.ask({ acquire: 'import' });
      for (const blockMs of BLOCKS_MS) {
        for (const order of [{ blockMs }, { blockMs, whileAsking: 'report' }]) {
          await holder.ask(order);
          // A false loss would be noticed by then.
          await sleep(TIMES.heartbeatMs);
          expect(await database.advisoryLocks()).toHaveLength(1);
          expect(await other.tryAcquire('import')).toBeUndefined();
          expect(await holder.ask({ look: 'import' })).toEqual({ isHeld: true, isAborted: false });
        }
      }
      expect(await holder.ask({ fence: 'import' })).toHaveProperty('token');
      await holder.ask({ release: 'import' });
      expect(await database.advisoryLocks()).toEqual([]);
    },
    60_000 + 2 * BLOCKS_MS.reduce((sum, blockMs) => sum + blockMs),
  );

  it('is notified of a backend that was ended in the meantime', async () => {
    const holder = await startHolder(database.url, TIMES);
    await holder.ask({ acquire: 'import' });
    const blocked = holder.ask({ blockMs: 2_000 });
    await terminateHolders(database);
    await blocked;
    expect(await holder.lossOf('import')).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('is notified soon of a connection that fell silent in the meantime, even during a query', async () => {
    const proxy = await closeAfterTest(startProxy(database.url));
    const holder = await startHolder(proxy.url(database.url), TIMES);
    for (const order of [{ blockMs: 3_000 }, { blockMs: 3_000, whileAsking: 'report' }]) {
      await holder.ask({ acquire: 'import', waitMs: 10_000 });
      proxy.silence();
      await holder.ask(order);
      const { message } = await holder.lossOf('import');
      // The silence lasted for all of the block.
      expect(Number(/no response for (\d+) ms/.exec(message)?.[1])).toBeGreaterThanOrEqual(3_000);
      proxy.resume();
      await until(async () => (await database.advisoryLocks()).length === 0, 'the end has arrived');
    }
  });
});

describe('this event loop, blocked for longer than `lostAfterMs`', () => {
  const ownDatabase = useTestDatabase();

  jestIt.each([1, 200])('fails none of %d requests on their way, where nothing was held', async (count) => {
    const proxy = await closeAfterTest(startProxy(ownDatabase.url));
    const { service } = createLocks(proxy.url(ownDatabase.url), TIMES);
    const names = Array.from({ length: count }, (_, number) => `import:${number}`);
    // Also the statement of many requests is prepared then, so that two may be in flight.
    await Promise.all(names.map(async (name) => (await service.acquire(name)).release()));
    proxy.silence({ toClient: true });
    const requested = names.map((name) => service.acquire(name));
    await until(async () => (await ownDatabase.advisoryLocks()).length === count, 'they are granted');
    blockEventLoop(TIMES.lostAfterMs + 100);
    // Before the event loop reads what has arrived.
    const next = service.acquire('report');
    proxy.resume();
    for (const lock of await Promise.all([...requested, next])) {
      lock.assertHeld();
      await lock.release();
    }
  });

  jestIt('hands nothing on that was lost meanwhile, also while a question is on its way', async () => {
    const proxy = await closeAfterTest(startProxy(ownDatabase.url));
    const { service, engine } = createLocks(proxy.url(ownDatabase.url), TIMES);
    const other = createLocks(ownDatabase.url).service;
    await (await other.acquire('report')).release();
    const lock = await service.acquire('import');
    let isServed = false;
    const waiting = service.acquire('import', { waitMs: 30_000 }).finally(() => {
      isServed = true;
    });
    proxy.silence({ toClient: true });
    await terminateHolders(ownDatabase);
    const held = await other.acquire('import', { waitMs: 10_000 });
    blockEventLoop(TIMES.lostAfterMs + 100);
    const asked = engine.server.query({ text: 'SELECT 1' }).catch(() => undefined);
    // Once it is sent, and before the event loop reads what has arrived.
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    const released = lock.release();
    for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
    expect(isServed).toBe(false);
    proxy.resume();
    await Promise.all([asked, released, held.release()]);
    await (await waiting).release();
  });
});
