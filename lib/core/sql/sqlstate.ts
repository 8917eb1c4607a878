/**
 * The SQLSTATEs that the library distinguishes.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export const SqlState = {
  /** Some servers with the protocol of Postgres have no advisory locks. */
  featureNotSupported: '0A000',
  noActiveSqlTransaction: '25P01',
  inFailedSqlTransaction: '25P02',
  /** No prepared statement has that name. */
  invalidStatementName: '26000',
  deadlockDetected: '40P01',
  insufficientPrivilege: '42501',
  undefinedFunction: '42883',
  /** There is a prepared statement with that name. */
  duplicateStatementName: '42P05',
  /** The shared lock table is full: the hint of the error says to raise `max_locks_per_transaction`. */
  outOfMemory: '53200',
  /** The end of `lock_timeout`. */
  lockNotAvailable: '55P03',
  /** `pg_cancel_backend()`, or the end of `statement_timeout`. */
  queryCanceled: '57014',
} as const;

/** Class 42: syntax error or access rule violation. */
const SYNTAX_OR_ACCESS = '42';

/** A chain of causes may be a circle. */
const MAX_CAUSES = 10;

/** The SQLSTATE of an error of the server. The `code` of any other error, such as `ECONNREFUSED`, is none. */
export function sqlStateOf(error: unknown): string | undefined {
  return isServerError(error) ? error.code : undefined;
}

/** Whether the statement itself was refused, such as for a missing table or privilege. */
export function isSyntaxOrAccessError(error: unknown): error is Error {
  return sqlStateOf(error)?.startsWith(SYNTAX_OR_ACCESS) === true;
}

/**
 * An error that the server reports.
 *
 * @see https://www.postgresql.org/docs/current/protocol-error-fields.html
 */
export interface ServerError extends Error {
  readonly code: string;
}

/**
 * Whether the server has reported the error, so that a query can find out what the statement did. The text of
 * the severity is no help, because servers translate it: after FATAL, the query fails.
 */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string';
}

/** The error of the server that another database client has wrapped: the first in the chain of causes. */
export function serverErrorIn(error: unknown): ServerError | undefined {
  let cause = error;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth += 1) {
    if (isServerError(cause)) return cause;
    ({ cause } = cause);
  }
  return undefined;
}
