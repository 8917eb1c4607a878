import type { LockHold } from './lock-hold.js';

/** Who is told of the connections that locks are held on. */
export interface SessionObserver {
  /** There is one for new locks. */
  opened(): void;
  /** One has ended by itself, and these locks with it. Their holders have been told. */
  lost(cause: Error, holds: readonly LockHold[]): void;
}
