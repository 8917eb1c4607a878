import type { LockKey } from './lock-key.js';

/** The keys of a semaphore: one for each permit, and one for the turn, which decides which waiter is next. */
export interface PermitKeys {
  readonly permits: readonly LockKey[];
  readonly turn: LockKey;
}
