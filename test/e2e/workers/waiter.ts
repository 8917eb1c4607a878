import { openLocks } from '../../support/open-locks.js';

// Waits for a lock that another process holds, until it is killed.
const { service: locks } = openLocks(process.env.TEST_URL ?? '');
await locks.acquire(process.argv[2] ?? '', { waitMs: Infinity });
