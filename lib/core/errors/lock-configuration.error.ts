import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

/**
 * The library received something that it cannot work with: a name, option, data source or server that is not
 * valid, two names with one key, a decorated method without its module. Code `LOCK_CONFIGURATION`. Nothing
 * was locked. The message says what was expected, what was received and what cures it.
 *
 * @example
 * ```ts
 * await locks.withLock('', body); // rejects: a lock name must be a string of at least one character
 * ```
 */
export class LockConfigurationError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_CONFIGURATION'];
  override readonly name: string = 'LockConfigurationError';
  /** `'LOCK_CONFIGURATION'`. */
  readonly code = 'LOCK_CONFIGURATION';
}
