import { type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';
import { type BusyHttpOptions, LockUnavailableError } from './lock-unavailable.error.js';

/**
 * The lock stayed busy for all of `waitMs`. Code `LOCK_TIMEOUT`. The lock was not taken. It is a
 * `LockUnavailableError`, and an HTTP client gets the same response.
 *
 * @example
 * ```ts
 * catch (error) {
 *   if (error instanceof LockTimeoutError) this.logger.warn(`busy for ${error.waitMs} ms`);
 *   throw error;
 * }
 * ```
 */
export class LockTimeoutError extends LockUnavailableError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_TIMEOUT'];
  override readonly name = 'LockTimeoutError';
  /** `'LOCK_TIMEOUT'`. */
  override readonly code = 'LOCK_TIMEOUT';

  constructor(
    lockName: string,
    /** How long the call waited for it, in milliseconds. */
    readonly waitMs: number,
    http?: BusyHttpOptions,
  ) {
    super(
      lockName,
      http,
      `The lock "${lockName}" stayed busy for the ${waitMs} ms of \`waitMs\`. Try again later, or ` +
        'wait longer.',
    );
  }
}
