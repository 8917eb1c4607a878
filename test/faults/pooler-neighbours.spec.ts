import { expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { startPgBouncer } from './support/pgbouncer.js';
import { nothingPinned } from './support/pooled.js';

/** For longer runs: POOLER_WAITS=20000. */
const WAITS = Number(process.env['POOLER_WAITS'] ?? 800);

const database = useTestDatabase();

/** Clients of the same pooler that have nothing to do with locks, and run short statements all the time. */
function startNeighbours(url: string, count: number): { stop(): Promise<{ statements: number }> } {
  let isOver = false;
  let statements = 0;
  const clients = Array.from({ length: count }, async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    defer(() => client.end());
    while (!isOver) {
      await client.query('SELECT pg_sleep(0.005)');
      statements += 1;
    }
  });
  const done = Promise.all(clients);
  done.catch(() => undefined);
  return {
    async stop() {
      isOver = true;
      await done;
      return { statements };
    },
  };
}

describeWith('pgbouncer', 'beside other clients of a pooler', () => {
  it(
    `ends ${WAITS} waits at any moment, and never a statement of another client`,
    async () => {
      const bouncer = await closeAfterTest(
        startPgBouncer(database.url, { mode: 'transaction', poolSize: 6 }),
      );
      const holder = createLocks(database.url).service;
      const waiters = [1, 2].map(() => createLocks(bouncer.url).service);
      const neighbours = startNeighbours(bouncer.url, 3);
      const busy = new AbortController();
      // Cancels queue behind what the session is asked otherwise.
      const chatter = waiters.map(async (service) => {
        while (!busy.signal.aborted)
          await Promise.all(Array.from({ length: 5 }, () => service.isLocked('something else')));
      });
      const outcomes: Record<string, number> = {};
      const wait = async (of: (typeof waiters)[number], name: string): Promise<void> => {
        const leaving = new AbortController();
        // Some are so patient that they get the lock on a busy machine too.
        const ms = Math.random() * (begun % 20 === 0 ? 200 : 8);
        const timer = setTimeout(() => {
          leaving.abort(new Error('left'));
        }, ms);
        const waitMs = Math.random() < 0.5 ? Infinity : Math.max(1, ms + Math.random() * 2 - 1);
        try {
          await (await of.acquire(name, { waitMs, signal: leaving.signal })).release();
          outcomes['granted'] = (outcomes['granted'] ?? 0) + 1;
        } catch (error) {
          const { code, message } = error as { code?: string; message: string };
          outcomes[code ?? message] = (outcomes[code ?? message] ?? 0) + 1;
        } finally {
          clearTimeout(timer);
        }
      };
      let begun = 0;
      const holding = ['a', 'b'].map(async (name) => {
        while (begun < WAITS) {
          await holder.withLock(name, () => sleep(Math.random() * 12), { waitMs: Infinity });
          await sleep(Math.random() * 2);
        }
      });
      const waiting = waiters.flatMap((service) =>
        ['a', 'b'].map(async (name) => {
          while (begun < WAITS) {
            begun += 1;
            await wait(service, name);
          }
        }),
      );
      await Promise.all([...holding, ...waiting]);
      busy.abort();
      await Promise.all(chatter);
      const { statements } = await neighbours.stop();
      expect(statements).toBeGreaterThan(100);
      expect(Object.keys(outcomes).sort()).toEqual(['LOCK_TIMEOUT', 'granted', 'left']);
      expect(await database.advisoryLocks()).toEqual([]);
      await nothingPinned(database);
    },
    60_000 + WAITS * 20,
  );
});
