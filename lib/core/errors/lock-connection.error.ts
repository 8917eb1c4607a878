import { AdvisoryLockError } from './advisory-lock.error.js';
import { StandbyError } from './standby.error.js';

/**
 * The database could not be reached, the connection broke before it answered, or the server is a standby, whose locks exclude nobody.
 * Code `LOCK_CONNECTION`. The lock was not taken; the next request tries to connect again. `cause` is the driver's own error.
 */
export class LockConnectionError extends AdvisoryLockError {
  override readonly name: string = 'LockConnectionError';
  readonly code = 'LOCK_CONNECTION';

  constructor(
    cause: unknown,
    lockName?: string,
    what = lockName === undefined ? 'No lock connection' : `The lock "${lockName}" was not taken`,
  ) {
    super(`${what}: ${reasonOf(cause)}.`, { lockName, cause });
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof StandbyError) return cause.message;
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  return (
    `the database could not be reached (${reason}). Check that it is up and that the address and credentials ` +
    'of the data source are right; the next request connects anew'
  );
}
