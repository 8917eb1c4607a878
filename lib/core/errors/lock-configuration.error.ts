import { AdvisoryLockError } from './advisory-lock.error.js';

/**
 * The library was given something it cannot work with: a bad name, option or data source, two names on one key, a decorated
 * method without its module. Code `LOCK_CONFIGURATION`. Nothing was locked. The message says what was expected, what came
 * and what cures it.
 */
export class LockConfigurationError extends AdvisoryLockError {
  override readonly name: string = 'LockConfigurationError';
  readonly code = 'LOCK_CONFIGURATION';
}
