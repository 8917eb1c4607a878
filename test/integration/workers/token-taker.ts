import { startInstance } from '../../e2e/workers/fleet-app.js';

// Takes the lock again and again, and reports the token of each hold, in the order of the holds.
const { locks, dataSource, close } = await startInstance();

process.send?.({ type: 'ready' });
await new Promise((resolve) => process.once('message', resolve));

for (let round = 0; round < Number(process.argv[2]); round += 1) {
  await locks.withLock(
    'account',
    async (lock) => {
      const token = await lock.fencingToken();
      await dataSource.query('INSERT INTO holder (token) VALUES ($1)', [token]);
    },
    { waitMs: Infinity },
  );
}
process.send?.({ type: 'done' });
await close();
process.disconnect();
