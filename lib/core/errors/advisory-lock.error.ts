/**
 * The stable codes of this library's errors. Tell errors apart by `code`: an application that loads both the ES module and
 * the CommonJS half of the package has two classes of each name, and `instanceof` knows only one of them.
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

export interface AdvisoryLockErrorDetails {
  /** The lock's name, as the application wrote it. */
  readonly lockName?: string | undefined;
  /** What went wrong underneath, such as the driver's own error. */
  readonly cause?: unknown;
}

/**
 * What every error of this library is.
 *
 * @example
 * ```ts
 * try {
 *   await locks.withLock('import', run);
 * } catch (error) {
 *   if (error instanceof AdvisoryLockError && error.code === 'LOCK_UNAVAILABLE') return 'somebody else is at it';
 *   throw error;
 * }
 * ```
 */
export abstract class AdvisoryLockError extends Error {
  /** Which error it is; never changes between releases. */
  abstract readonly code: AdvisoryLockErrorCode;

  /** The name of the lock that was asked for, as the application wrote it; `undefined` where no single lock is meant. */
  readonly lockName: string | undefined;

  constructor(message: string, details: AdvisoryLockErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.lockName = details.lockName;
  }
}
