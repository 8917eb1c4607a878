import { startInstance } from './fleet-app.js';

// Waits for a lock that another process holds, until it is killed.
const { locks } = await startInstance();
await locks.acquire(process.argv[2] ?? '', { waitMs: Infinity });
