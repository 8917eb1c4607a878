import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

/**
 * The application is shutting down and takes no new locks. Code `LOCK_SHUTDOWN`. The lock was not taken.
 *
 * @example
 * ```ts
 * catch (error) {
 *   if (error instanceof LockShutdownError) return; // the next start goes on with the work
 *   throw error;
 * }
 * ```
 */
export class LockShutdownError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_SHUTDOWN'];
  override readonly name: string = 'LockShutdownError';
  /** `'LOCK_SHUTDOWN'`. */
  readonly code = 'LOCK_SHUTDOWN';

  constructor(lockName?: string) {
    const what =
      lockName === undefined ? 'No lock connection was opened' : `The lock "${lockName}" was not taken`;
    super(`${what}: the application is shutting down and takes no new locks.`, { lockName });
  }
}
