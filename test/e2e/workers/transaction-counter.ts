import { setTimeout as sleep } from 'node:timers/promises';
import { startInstance } from './fleet-app.js';

// Reads a row, lets some time go by, and writes it back in another statement: without exclusion, updates get
// lost. Some of the bodies fail after they have written.
const rounds = Number(process.argv[2]);
const { locks, close } = await startInstance();

process.send?.({ type: 'ready' });
await new Promise((resolve) => process.once('message', resolve));

let failed = 0;
const run = async (): Promise<void> => {
  try {
    await locks.withTransactionLock(
      'counter',
      async (manager) => {
        const [row] = await manager.query<[{ value: number }]>('SELECT value FROM counter');
        await sleep(Math.random());
        await manager.query('UPDATE counter SET value = $1', [row.value + 1]);
        if (Math.random() < 0.2) throw new Error('rolled back');
      },
      { waitMs: Infinity },
    );
  } catch (error) {
    if ((error as Error).message !== 'rolled back') throw error;
    failed += 1;
  }
};
await Promise.all(Array.from({ length: rounds }, run));
process.send?.({ type: 'done', failed });
await close();
process.disconnect();
