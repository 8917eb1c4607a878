import { AdvisoryLockError } from './advisory-lock.error.js';

/**
 * The database could not be reached, or the connection broke before it answered. Code `LOCK_CONNECTION`. The lock was not
 * taken; the next request tries to connect again. `cause` is the driver's own error.
 */
export class LockConnectionError extends AdvisoryLockError {
  override readonly name: string = 'LockConnectionError';
  readonly code = 'LOCK_CONNECTION';

  constructor(cause: unknown, lockName?: string) {
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
    const what = lockName === undefined ? 'No lock connection' : `The lock "${lockName}" was not taken`;
    super(
      `${what}: the database could not be reached (${reason}). Check that it is up and that the address and credentials ` +
        'of the data source are right; the next request connects anew.',
      { lockName, cause },
    );
  }
}
