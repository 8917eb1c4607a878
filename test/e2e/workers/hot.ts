import { setTimeout as sleep } from 'node:timers/promises';
import { startInstance } from './fleet-app.js';

// Several callers of one process wait for one lock again and again; each turn is noted under the lock.
const [callers, rounds] = process.argv.slice(2).map(Number) as [number, number];
const { locks, dataSource, close } = await startInstance();

process.send?.({ type: 'ready' });
await new Promise((resolve) => process.once('message', resolve));

const turn = async (): Promise<void> => {
  const [row] = await dataSource.query<[{ turns: number }]>('SELECT count(*)::int AS turns FROM turn');
  await sleep(Math.random());
  await dataSource.query('INSERT INTO turn (number, pid) VALUES ($1, $2)', [row.turns, process.pid]);
};
const caller = async (): Promise<void> => {
  for (let round = 0; round < rounds; round += 1) await locks.withLock('hot', turn, { waitMs: Infinity });
};
await Promise.all(Array.from({ length: callers }, caller));

await close();
process.disconnect();
