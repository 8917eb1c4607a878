import type { LockKey } from './lock-key.js';

/** The keys of a semaphore: one for each permit, and one that says whose turn it is to wait. */
export interface PermitKeys {
  readonly permits: readonly LockKey[];
  readonly turn: LockKey;
}
