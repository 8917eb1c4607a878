import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';
import { StandbyError } from './standby.error.js';

/**
 * There is no connection for locks: the database cannot be reached, the server refuses the request (`cause`
 * has its SQLSTATE in `code`), the connection broke before there was a result, or the server is a standby,
 * whose locks do not exclude those of its primary. Code `LOCK_CONNECTION`. The lock was not taken. The next
 * request connects again, after a growing pause of at most a second. `cause` is the driver's own error.
 *
 * @example
 * ```ts
 * catch (error) {
 *   if (error instanceof LockConnectionError) throw new ServiceUnavailableException('no database');
 *   throw error;
 * }
 * ```
 */
export class LockConnectionError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_CONNECTION'];
  override readonly name: string = 'LockConnectionError';
  /** `'LOCK_CONNECTION'`. */
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
  const sqlState = sqlStateOf(cause);
  if (sqlState !== undefined) {
    return (
      `the server refused it (${reason}, SQLSTATE ${sqlState}). Check that it accepts connections, ` +
      'and that the credentials and privileges of the data source are right; the next request connects again'
    );
  }
  return (
    `the database could not be reached (${reason}). Check that it is up, and that the address and ` +
    'credentials of the data source are right; the next request connects again'
  );
}

/** Only an error that the server reported has a severity. The `code` of a socket error is no SQLSTATE. */
function sqlStateOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error && 'severity' in cause && 'code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}
