import { setTimeout as sleep } from 'node:timers/promises';
import { startInstance } from './fleet-app.js';

// Reads a row, lets some time go by, and writes it back: without exclusion, updates get lost.
const rounds = Number(process.argv[2]);
const { locks, dataSource, close } = await startInstance();

process.send?.({ type: 'ready' });
await new Promise((resolve) => process.once('message', resolve));

let refused = 0;
for (let round = 0; round < rounds;) {
  const outcome = await locks.tryWithLock('counter', async () => {
    const [row] = await dataSource.query<[{ value: number }]>('SELECT value FROM counter');
    await sleep(Math.random());
    await dataSource.query('UPDATE counter SET value = $1', [row.value + 1]);
  });
  if (outcome.acquired) round += 1;
  else {
    refused += 1;
    await sleep(Math.random() * 10);
  }
}
process.send?.({ type: 'done', refused });
await close();
process.disconnect();
