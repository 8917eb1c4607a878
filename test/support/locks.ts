import { defer } from './cleanup.js';
import { type Locks, openLocks } from './open-locks.js';

export type { Locks, LocksOptions } from './open-locks.js';

/** Closed after the test. */
export function createLocks(...args: Parameters<typeof openLocks>): Locks {
  const locks = openLocks(...args);
  defer(() => locks.close());
  return locks;
}
