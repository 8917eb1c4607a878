import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import { argumentsOf, lockTimeoutOf } from './wait-script.js';

const TRY = {
  exclusive: 'pg_catalog.pg_try_advisory_xact_lock',
  shared: 'pg_catalog.pg_try_advisory_xact_lock_shared',
} as const;

const WAIT = {
  exclusive: 'pg_catalog.pg_advisory_xact_lock',
  shared: 'pg_catalog.pg_advisory_xact_lock_shared',
} as const;

const SAVEPOINT = 'nestjs_advisory_lock';

/** The row of {@link tryScript}, which is the result of its second statement. */
export interface TryResult {
  /** `null` when nothing was tried: the transaction reads as of one moment, or the server is a standby. */
  readonly granted: boolean | null;
  readonly isStandby: boolean;
  readonly backendPid: number;
  readonly lockTimeout: string;
  readonly statementTimeout: string;
}

/**
 * Tries the key, as one message. The savepoint keeps the transaction usable when the statement fails, as with
 * a full lock table. After its release, the lock belongs to the transaction.
 *
 * REPEATABLE READ and SERIALIZABLE read as of their first statement, and this may be the first. The writes of
 * a holder that commits between its start and the grant would be invisible:
 * test/integration/transaction-statements.spec.ts shows it.
 */
export function tryScript(key: LockKey, mode: LockMode): string {
  return (
    `SAVEPOINT ${SAVEPOINT}; ` +
    `SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() ` +
    `AND pg_catalog.current_setting('transaction_isolation') ` +
    `OPERATOR(pg_catalog.=) ANY ('{read committed,read uncommitted}'::pg_catalog.text[]) ` +
    `THEN ${TRY[mode]}(${argumentsOf(key)}) END AS granted, ` +
    `pg_catalog.pg_is_in_recovery() AS "isStandby", ` +
    `pg_catalog.pg_backend_pid() AS "backendPid", ` +
    `pg_catalog.current_setting('lock_timeout') AS "lockTimeout", ` +
    `pg_catalog.current_setting('statement_timeout') AS "statementTimeout"; ` +
    `RELEASE SAVEPOINT ${SAVEPOINT}`
  );
}

/**
 * The savepoint of a wait that may be canceled, as a message of its own: a cancel that arrives before the
 * first statement of a message would leave the transaction without it.
 */
export const SAVEPOINT_SCRIPT = `SAVEPOINT ${SAVEPOINT}`;

/**
 * Waits for the key in the queue of Postgres, as one message, after the savepoint. Afterwards the timeouts
 * are what they were.
 */
export function waitScript(
  key: LockKey,
  mode: LockMode,
  waitMs: number,
  { lockTimeout, statementTimeout }: TryResult,
): string {
  return (
    `SET LOCAL lock_timeout = ${lockTimeoutOf(waitMs)}; SET LOCAL statement_timeout = 0; ` +
    `SELECT ${WAIT[mode]}(${argumentsOf(key)}); ` +
    `SET LOCAL lock_timeout = '${lockTimeout}'; SET LOCAL statement_timeout = '${statementTimeout}'; ` +
    `RELEASE SAVEPOINT ${SAVEPOINT}`
  );
}

/**
 * Undoes a failed script: the transaction is as before it, settings included, and a lock that was granted at
 * the last moment is free.
 */
export const UNDO_SCRIPT = `ROLLBACK TO SAVEPOINT ${SAVEPOINT}; RELEASE SAVEPOINT ${SAVEPOINT}`;
