import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

/** What is known about a lock that was lost. */
export interface LockLostDetails {
  /** The name of the lock, as the application wrote it. */
  readonly lockName: string;
  /** The key in Postgres, as text. */
  readonly key: string;
  /** How the loss was noticed, as the end of the sentence "it was lost because …". */
  readonly reason: string;
  /** How long the lock had been held when its loss was noticed, in milliseconds. */
  readonly heldMs: number;
  /**
   * The error that ended the connection.
   * @default none
   */
  readonly cause?: unknown;
}

/**
 * A lock is no longer held, though its holder has not released it: its connection broke, its backend was
 * ended, or the application is shutting down. Code `LOCK_LOST`. Another process may hold the lock by now.
 *
 * It is the `reason` of the aborted `signal` of the lock, and what `withLock` rejects with when the body
 * itself succeeded.
 *
 * @example
 * ```ts
 * lock.signal.addEventListener('abort', () => {
 *   const { lockName, heldMs } = lock.signal.reason as LockLostError;
 *   console.error(`${lockName} was lost after ${heldMs} ms`);
 * });
 * ```
 */
export class LockLostError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_LOST'];
  override readonly name: string = 'LockLostError';
  /** `'LOCK_LOST'`. */
  readonly code = 'LOCK_LOST';
  /** The key in Postgres, as text. */
  readonly key: string;
  /** How long the lock had been held when its loss was noticed, in milliseconds. */
  readonly heldMs: number;

  constructor(details: LockLostDetails) {
    super(
      `The lock "${details.lockName}" (key ${details.key}) was lost after ${details.heldMs} ms because ` +
        `${details.reason}. Another process may hold it now: stop the work that it protected, as ` +
        `\`lock.signal\` asks.`,
      details,
    );
    this.key = details.key;
    this.heldMs = details.heldMs;
  }
}
