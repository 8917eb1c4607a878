import { openLocks } from '../../support/open-locks.js';

// Takes the locks of its arguments, and holds them until it is killed.
const { service: locks } = openLocks(process.env.TEST_URL ?? '');
const permits = Number(process.env.TEST_PERMITS ?? 1);
for (const name of process.argv.slice(2)) await locks.acquire(name, { permits });
process.send?.({ type: 'holding' });
