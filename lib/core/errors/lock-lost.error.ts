import { AdvisoryLockError } from './advisory-lock.error.js';

/** What is known of a lock that was lost. */
export interface LockLostDetails {
  readonly lockName: string;
  /** The key in Postgres, as text. */
  readonly key: string;
  /** How it was noticed, as the end of the sentence "it was lost because …". */
  readonly reason: string;
  /** How long the lock had been held when its loss was noticed, in milliseconds. */
  readonly heldMs: number;
  readonly cause?: unknown;
}

/**
 * A lock that was held is held no more, though nobody released it: its connection broke, its backend was ended, or the
 * application is shutting down. Code `LOCK_LOST`. Another process may hold the lock by now.
 *
 * It is the `reason` of the handle's aborted `signal`, and what `withLock` rejects with when the body itself succeeded.
 */
export class LockLostError extends AdvisoryLockError {
  override readonly name: string = 'LockLostError';
  readonly code = 'LOCK_LOST';
  /** The key in Postgres, as text. */
  readonly key: string;
  /** How long the lock had been held when its loss was noticed, in milliseconds. */
  readonly heldMs: number;

  constructor(details: LockLostDetails) {
    super(
      `The lock "${details.lockName}" (key ${details.key}) was lost after ${details.heldMs} ms because ${details.reason}. ` +
        'Another process may hold it now: stop the work it protected, as `lock.signal` asks.',
      details,
    );
    this.key = details.key;
    this.heldMs = details.heldMs;
  }
}
