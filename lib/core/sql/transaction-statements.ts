import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import { argumentsOf, lockTimeoutOf, RESULT } from './wait-script.js';

const TRY = {
  exclusive: 'pg_catalog.pg_try_advisory_xact_lock',
  shared: 'pg_catalog.pg_try_advisory_xact_lock_shared',
} as const;

const WAIT = {
  exclusive: 'pg_catalog.pg_advisory_xact_lock',
  shared: 'pg_catalog.pg_advisory_xact_lock_shared',
} as const;

const SAVEPOINT = 'nestjs_advisory_lock';

/**
 * Statements that belong together. A client that can sends them as one message; others run one statement at a
 * time.
 */
export interface Script {
  readonly statements: readonly string[];
  /** Which of the statements returns the row that is its result. */
  readonly resultOf: number;
}

/** The row of {@link tryScript}. */
export interface TryResult {
  /** `null` when nothing was tried: the transaction reads as of one moment, or the server is a standby. */
  readonly granted: boolean | null;
  readonly isStandby: boolean;
  readonly backendPid: number;
  readonly lockTimeout: string;
  readonly statementTimeout: string;
}

/** The row of {@link waitScript}: `y` when the key is granted, `c` when the wait was canceled. */
export interface WaitResult {
  readonly outcome: string;
}

/**
 * Tries the key. The savepoint keeps the transaction usable when the statement fails, as with a full lock
 * table. After its release, the lock belongs to the transaction.
 *
 * REPEATABLE READ and SERIALIZABLE read as of their first statement, and this may be the first. The writes of
 * a holder that commits between its start and the grant would be invisible:
 * test/integration/transaction-statements.spec.ts shows it.
 */
export function tryScript(key: LockKey, mode: LockMode): Script {
  return {
    statements: [
      `SAVEPOINT ${SAVEPOINT}`,
      `SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() ` +
        `AND pg_catalog.current_setting('transaction_isolation') ` +
        `OPERATOR(pg_catalog.=) ANY ('{read committed,read uncommitted}'::pg_catalog.text[]) ` +
        `THEN ${TRY[mode]}(${argumentsOf(key)}) END AS granted, ` +
        `pg_catalog.pg_is_in_recovery() AS "isStandby", ` +
        `pg_catalog.pg_backend_pid() AS "backendPid", ` +
        `pg_catalog.current_setting('lock_timeout') AS "lockTimeout", ` +
        `pg_catalog.current_setting('statement_timeout') AS "statementTimeout"`,
      `RELEASE SAVEPOINT ${SAVEPOINT}`,
    ],
    resultOf: 1,
  };
}

/**
 * The savepoint of a wait, as a script of its own: a cancel that arrives before the first statement of a
 * message would leave the transaction without it.
 */
export const SAVEPOINT_SCRIPT: Script = { statements: [`SAVEPOINT ${SAVEPOINT}`], resultOf: 0 };

/**
 * Waits for the key in the queue of Postgres, after the savepoint. The end of the time, and a cancel, are
 * errors that are caught here, also when one arrives while the other one is handled, as one that reaches the
 * client writes a line into the log of the server.
 * Afterwards the timeouts are what they were.
 */
export function waitScript(
  key: LockKey,
  mode: LockMode,
  waitMs: number,
  { lockTimeout, statementTimeout }: TryResult,
): Script {
  return {
    statements: [
      `SET LOCAL statement_timeout = 0`,
      `DO $wait$ BEGIN BEGIN ` +
        `PERFORM pg_catalog.set_config('lock_timeout', '${lockTimeoutOf(waitMs)}', true); ` +
        `PERFORM ${WAIT[mode]}(${argumentsOf(key)}); ` +
        `PERFORM pg_catalog.set_config('${RESULT}', 'y', true); ` +
        `EXCEPTION WHEN lock_not_available THEN PERFORM pg_catalog.set_config('${RESULT}', '', true); ` +
        `WHEN query_canceled THEN PERFORM pg_catalog.set_config('${RESULT}', 'c', true); END; ` +
        `EXCEPTION WHEN lock_not_available OR query_canceled ` +
        `THEN PERFORM pg_catalog.set_config('${RESULT}', 'c', true); END $wait$`,
      `SELECT pg_catalog.current_setting('${RESULT}') AS outcome`,
      `SET LOCAL lock_timeout = '${lockTimeout}'`,
      `SET LOCAL statement_timeout = '${statementTimeout}'`,
      `RELEASE SAVEPOINT ${SAVEPOINT}`,
    ],
    resultOf: 2,
  };
}

/**
 * Undoes a failed script: the transaction is as before it, settings included, and a lock that was granted at
 * the last moment is free.
 */
export const UNDO_SCRIPT: Script = {
  statements: [`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`, `RELEASE SAVEPOINT ${SAVEPOINT}`],
  resultOf: 0,
};
