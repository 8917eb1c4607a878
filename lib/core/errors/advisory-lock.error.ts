/**
 * The stable codes of this library's errors. Distinguish errors by `code`: an application that loads both the
 * ES module and the CommonJS half of the package has two classes of each name, and `instanceof` knows only
 * one of them.
 */
export type AdvisoryLockErrorCode =
  | 'LOCK_UNAVAILABLE'
  | 'LOCK_TIMEOUT'
  | 'LOCK_DEADLOCK'
  | 'LOCK_LOST'
  | 'LOCK_NOT_HELD'
  | 'LOCK_CAPACITY'
  | 'LOCK_CONNECTION'
  | 'LOCK_SHUTDOWN'
  | 'LOCK_CONFIGURATION';

/** What an error of this library knows in addition to its message. */
export interface AdvisoryLockErrorDetails {
  /**
   * The name of the lock, as the application wrote it.
   * @default none
   */
  readonly lockName?: string | undefined;
  /**
   * The error that led to this one, such as the driver's own.
   * @default none
   */
  readonly cause?: unknown;
}

/**
 * The base class of every error of this library.
 *
 * @example
 * ```ts
 * try {
 *   await locks.withLock('import', run);
 * } catch (error) {
 *   if (error instanceof AdvisoryLockError && error.code === 'LOCK_UNAVAILABLE') return 'runs already';
 *   throw error;
 * }
 * ```
 */
export abstract class AdvisoryLockError extends Error {
  /** Which error it is. A code never changes between releases. */
  abstract readonly code: AdvisoryLockErrorCode;

  /**
   * The name of the lock, as the application wrote it; `undefined` where the error is about no single lock.
   */
  readonly lockName: string | undefined;

  constructor(message: string, details: AdvisoryLockErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.lockName = details.lockName;
  }
}
