import { isServerError, SqlState } from '../sql/sqlstate.js';
import { AdvisoryLockError } from './advisory-lock.error.js';
import { LockShutdownError } from './lock-shutdown.error.js';
import { messageOf } from './message-of.js';
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
  const reason = cause instanceof Error ? cause.message || cause.name : messageOf(cause);
  if (isServerError(cause)) {
    const { code } = cause;
    const detail = `(${reason}, SQLSTATE ${code})`;
    if (code === SqlState.adminShutdown) {
      return (
        `an administrator has ended the connection, or the server is shutting down ${detail}; ` +
        'the next request connects again'
      );
    }
    if (ENDED.has(code))
      return `the server has ended the connection ${detail}; the next request connects again`;
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

/** The SQLSTATEs with which the server ends a connection that works. */
const ENDED: ReadonlySet<string> = new Set([
  SqlState.crashShutdown,
  SqlState.databaseDropped,
  SqlState.idleSessionTimeout,
  SqlState.idleInTransactionSessionTimeout,
  SqlState.transactionTimeout,
]);
