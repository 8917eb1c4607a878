import { setTimeout as sleep } from 'node:timers/promises';
import type { LockNames, LockOptions } from '../../../lib/index.js';
import { startInstance } from './fleet-app.js';

// Several callers of one process take locks of every kind, and some give up; each hold is noted by the clock of the server.
const [callers, rounds] = process.argv.slice(2).map(Number) as [number, number];
const { locks, dataSource, close } = await startInstance();

const pick = <T>(...choices: T[]): T => choices[Math.floor(Math.random() * choices.length)] as T;

function wish(): { names: LockNames; resources: string[]; kind: string; options: LockOptions } {
  const patience = pick<LockOptions>(
    { waitMs: Infinity },
    { waitMs: Infinity },
    { waitMs: Math.random() * 30 },
    { waitMs: Infinity, signal: AbortSignal.timeout(Math.round(Math.random() * 30)) },
  );
  switch (pick('exclusive', 'shared', 'shared', 'permit', 'several')) {
    case 'shared':
      return { names: 'book', resources: ['book'], kind: 'shared', options: { ...patience, mode: 'shared' } };
    case 'permit':
      return { names: 'desk', resources: ['desk'], kind: 'permit', options: { ...patience, permits: 3 } };
    case 'several': {
      const names = pick(['a', 'b'], ['b', 'c'], ['c', 'a'], ['c', 'b', 'a', 'book']);
      return { names, resources: names, kind: 'exclusive', options: patience };
    }
    default:
      return { names: 'book', resources: ['book'], kind: 'exclusive', options: patience };
  }
}

let given = 0;
async function turn(): Promise<void> {
  const { names, resources, kind, options } = wish();
  try {
    await locks.withLock(
      names,
      async () => {
        const [row] = await dataSource.query<[{ now: string }]>('SELECT clock_timestamp()::text AS now');
        await sleep(Math.random() * 4);
        await dataSource.query(
          `INSERT INTO hold (resource, kind, pid, during)
           SELECT resource, $2, $3, tstzrange($4::timestamptz, clock_timestamp()) FROM unnest($1::text[]) AS resource`,
          [resources, kind, process.pid, row.now],
        );
      },
      options,
    );
  } catch (error) {
    const { code, name } = error as { code?: unknown; name?: unknown };
    if (code !== 'LOCK_TIMEOUT' && code !== 'LOCK_UNAVAILABLE' && name !== 'TimeoutError') throw error;
    given += 1;
  }
}

process.send?.({ type: 'ready' });
await new Promise((resolve) => process.once('message', resolve));
await Promise.all(
  Array.from({ length: callers }, async () => {
    for (let round = 0; round < rounds; round += 1) await turn();
  }),
);
process.send?.({ type: 'done', refused: given });
await close();
process.disconnect();
