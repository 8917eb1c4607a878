import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager } from 'typeorm';
import type { LockNames, LockOptions } from '../../../lib/index.js';
import { startInstance } from './fleet-app.js';

// Several callers of one process take locks in every way, and most of them give up at a random moment if they
// were not served; each hold is noted by the clock of the server.
const [callers, rounds] = process.argv.slice(2).map(Number) as [number, number];
const { locks, dataSource, close } = await startInstance();

/** About as long as most wait, so that many give up in the very moment in which they would be served. */
const PATIENCE_MS = 15;

const pick = <T>(...choices: T[]): T => choices[Math.floor(Math.random() * choices.length)] as T;

function wish(): { way: string; names: LockNames; resources: string[]; options: LockOptions } {
  const way = pick('exclusive', 'shared', 'shared', 'permits', 'permits', 'several', 'transaction');
  switch (way) {
    case 'permits':
      return { way, names: 'desk', resources: ['desk'], options: { permits: 2 } };
    case 'several': {
      const names = pick(['a', 'b'], ['b', 'c'], ['c', 'a'], ['c', 'b', 'a', 'book']);
      return { way, names, resources: names, options: {} };
    }
    default:
      return {
        way,
        names: 'book',
        resources: ['book'],
        options: way === 'shared' ? { mode: 'shared' } : {},
      };
  }
}

/** How often each way had each outcome. */
const counts: Record<string, number> = {};

function outcomeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (code === 'LOCK_TIMEOUT' || code === 'LOCK_UNAVAILABLE') return 'timeout';
  if (name === 'AbortError') return 'abort';
  throw error;
}

async function turn(): Promise<void> {
  const { way, names, resources, options } = wish();
  const body = async (querying: Pick<EntityManager, 'query'>): Promise<string> => {
    const [row] = await querying.query<[{ now: string }]>('SELECT clock_timestamp()::text AS now');
    // Readers stay for longer, so that those of different processes meet on any machine.
    await sleep(Math.random() * (way === 'shared' ? 8 : 2));
    await querying.query(
      `INSERT INTO hold (resource, way, pid, during)
       SELECT resource, $2, $3, tstzrange($4::timestamptz, clock_timestamp())
       FROM unnest($1::text[]) AS resource`,
      [resources, way, process.pid, row.now],
    );
    return 'served';
  };
  const patienceMs = Math.random() * PATIENCE_MS;
  const leaving = new AbortController();
  const [waitMs, leavesAfterMs] = pick(
    [Infinity],
    [patienceMs],
    [patienceMs],
    [Infinity, patienceMs],
    [Infinity, patienceMs],
  );
  const leave =
    leavesAfterMs === undefined ? undefined : setTimeout(leaving.abort.bind(leaving), leavesAfterMs);
  const outcome = await (
    way === 'transaction'
      ? locks.withTransactionLock('book', body, { waitMs: leavesAfterMs ?? waitMs })
      : locks.withLock(names, () => body(dataSource), { ...options, waitMs, signal: leaving.signal })
  ).catch(outcomeOf);
  clearTimeout(leave);
  counts[`${way} ${outcome}`] = (counts[`${way} ${outcome}`] ?? 0) + 1;
}

process.send?.({ type: 'ready' });
await once(process, 'message');
await Promise.all(
  Array.from({ length: callers }, async () => {
    for (let round = 0; round < rounds; round += 1) await turn();
  }),
);
process.send?.({ type: 'done', counts });

// A holder left behind, here or in another process, would be in the way now.
await once(process, 'message');
await locks.withLock(['book', 'a', 'b', 'c'], () => undefined);
const permits = await Promise.all([1, 2].map(() => locks.acquire('desk', { permits: 2 })));
await Promise.all(permits.map((permit) => permit.release()));
await close();
process.disconnect();
