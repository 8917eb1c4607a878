import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';
import { LockShutdownError } from './lock-shutdown.error.js';
import { messageOf } from './message-of.js';
import { StandbyError } from './standby.error.js';

/**
 * There is no connection for locks: the database cannot be reached, the server refuses the request
 * (`cause` has its SQLSTATE in `code`) or has ended the connection, the connection broke before there was
 * a result, or the server is a standby, whose locks do not exclude those of its primary. Code
 * `LOCK_CONNECTION`. The lock was not taken. The next request connects again, after a growing pause of at
 * most a second. `cause` is the driver's own error.
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

/** Errors of connections that had come about, so that no message says that there was none. */
const brokeConnections = new WeakSet<object>();

/** Notes that the error is one of a connection that had come about. Returns the error. */
export function brokeConnection<E>(error: E): E {
  if (typeof error === 'object' && error !== null) brokeConnections.add(error);
  return error;
}

/**
 * The error of a request that the connection failed: `LOCK_CONNECTION`, or `LOCK_SHUTDOWN` when the
 * application has closed the connection on purpose.
 */
export function connectionError(
  cause: unknown,
  lockName?: string,
  what?: string,
): LockConnectionError | LockShutdownError {
  if (cause instanceof LockShutdownError) return new LockShutdownError(lockName);
  return new LockConnectionError(cause, lockName, what);
}

function reasonOf(cause: unknown): string {
  if (cause instanceof StandbyError) return cause.message;
  const reason = messageOf(cause);
  const sqlState = sqlStateOf(cause);
  if (sqlState !== undefined) {
    const detail = `(${reason}, SQLSTATE ${sqlState})`;
    const ending = ENDINGS.get(sqlState);
    if (ending !== undefined) return `${ending} ${detail}; the next request connects again`;
    return (
      `the server refused it ${detail}. Check that it accepts connections, ` +
      'and that the credentials and privileges of the data source are right; the next request connects again'
    );
  }
  if (typeof cause === 'object' && cause !== null && brokeConnections.has(cause))
    return `the connection failed (${reason}); the next request connects again`;
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

const ENDED_BY_SERVER = 'the server has ended the connection';

/** By SQLSTATE, what has ended a connection that worked. */
const ENDINGS: ReadonlyMap<string, string> = new Map([
  ['57P01', 'an administrator has ended the connection, or the server is shutting down'],
  ['57P02', 'the server has crashed, and ended the connection'],
  ['57P04', ENDED_BY_SERVER], // database_dropped
  ['57P05', ENDED_BY_SERVER], // idle_session_timeout
  ['25P03', ENDED_BY_SERVER], // idle_in_transaction_session_timeout
  ['25P04', ENDED_BY_SERVER], // transaction_timeout
]);

/** Whether the backend that has reported the error ends with it. */
export function endsBackend(error: unknown): boolean {
  return ENDINGS.has(sqlStateOf(error) ?? '');
}
