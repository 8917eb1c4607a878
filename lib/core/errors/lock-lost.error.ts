import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

/** The `reason` of locks that the shutdown of the application takes from their holders. */
export const SHUTDOWN_REASON = 'the application is shutting down';

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
 * succeeded, or failed because of that signal. In the second case `cause` is what the body threw, such as
 * the `AbortError` of Node.
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
  /** @internal */
  readonly reason: string;

  constructor(details: LockLostDetails) {
    super(
      `The lock "${details.lockName}" (key ${details.key}) was lost after ${details.heldMs} ms because ` +
        `${details.reason}. Another process may hold it now: stop the work that it protected, as ` +
        `\`lock.signal\` asks.`,
      details,
    );
    this.key = details.key;
    this.heldMs = details.heldMs;
    this.reason = details.reason;
  }

  /**
   * What callers get for an error of the body: this loss, with the error as its cause, if the loss led to the
   * error; otherwise the error itself. Libraries that are given a signal reject with its reason, or with an
   * `AbortError` that has it as its cause.
   *
   * @see https://nodejs.org/api/errors.html#class-aborterror
   * @internal
   */
  explain(error: unknown): unknown {
    if (error instanceof LockLostError || !causesOf(error).includes(this)) return error;
    const { lockName = '', key, reason, heldMs } = this;
    return new LockLostError({ lockName, key, reason, heldMs, cause: error });
  }
}

/** The causes of an error, and theirs. */
function causesOf(error: unknown): readonly unknown[] {
  const causes = new Set<unknown>();
  let current = error;
  while (
    typeof current === 'object' &&
    current !== null &&
    'cause' in current &&
    !causes.has(current.cause)
  ) {
    current = current.cause;
    causes.add(current);
  }
  return [...causes];
}
