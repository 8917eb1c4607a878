import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { CallPlace } from './call-place.js';
import type { LockHold } from './lock-hold.js';

/** A call that waits, as the search for deadlocks sees it. */
export interface BlockedCall {
  /** The keys that it waits for. It needs one of them: of a lock with permits, they are the permits. */
  readonly keys: readonly LockKey[];
  readonly mode: LockMode;
  /** The locks that it keeps while it waits: those around the calling code, and those taken on the way. */
  readonly inside: readonly LockHold[];
  /** When it began to wait, by `performance.now()`. */
  readonly since: number;
  /** Where the lock was requested, where that is known. */
  readonly place: CallPlace | undefined;
  /** Ends the wait: the call rejects with the error, and does not hold the lock. */
  abort(error: Error): void;
}
