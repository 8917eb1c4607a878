import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { Statement } from './statement.js';

/**
 * How long a session stands in the queue of Postgres at a time, in milliseconds. A statement that waits
 * has a snapshot, for whose end `VACUUM`, `CREATE INDEX CONCURRENTLY` and `REINDEX CONCURRENTLY` wait in
 * turn. It is shorter than the default of `deadlock_timeout`, 1 s, after which PostgreSQL 19 writes a
 * line for each wait into its log.
 *
 * @see https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
 */
export const TURN_MS = 500;

/** Where a script leaves its result: a block of PL/pgSQL returns none. */
export const RESULT = 'nestjs_advisory_lock.is_granted';

/**
 * Whether the {@link waitScript} before it has taken the lock: `y` when it has. Clears the result after
 * it.
 */
export const IS_GRANTED: Statement = {
  text: `SELECT pg_catalog.current_setting('${RESULT}', true),
  pg_catalog.set_config('${RESULT}', '', false)`,
};

/**
 * Waits for the key in the queue of Postgres, for one turn after the other, until it is granted, the time
 * is over, or the wait is canceled. The commit between two turns ends the snapshot. An error that is
 * caught here, unlike one that reaches the client, writes no line into the log of the server. The client
 * cancels when the time is over by its own clock, so a cancel often comes with the end of a turn. Each may
 * arrive while the other one is handled, so it is caught around that.
 *
 * A lock that was granted in the moment in which a turn ended is given back; when the wait was canceled,
 * it may still be held.
 */
export function waitScript(key: LockKey, mode: LockMode, timeoutMs: number): string {
  const isBounded = Number.isFinite(timeoutMs);
  const passedMs =
    'extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp()) * 1000';
  const turnMs = isBounded
    ? `least(${TURN_MS}, greatest(1, ceil(${lockTimeoutOf(timeoutMs)} - ${passedMs})))`
    : TURN_MS;
  return `DO $wait$
BEGIN
  LOOP
    BEGIN
      BEGIN
        PERFORM pg_catalog.set_config('lock_timeout', (${turnMs})::text, true);
        PERFORM ${lockCall(key, mode)};
        PERFORM pg_catalog.set_config('${RESULT}', 'y', false);
        RETURN;
      EXCEPTION
        WHEN lock_not_available THEN
          PERFORM pg_catalog.pg_advisory_unlock_all();
          ${isBounded ? `IF ${passedMs} >= ${lockTimeoutOf(timeoutMs)} THEN RETURN; END IF;` : ''}
        WHEN query_canceled THEN RETURN;
      END;
    EXCEPTION
      WHEN lock_not_available OR query_canceled THEN RETURN;
    END;
    COMMIT;
  END LOOP;
END $wait$`;
}

/**
 * The same for one turn, inside a transaction that pins the backend of a pooler, and whose end ends the
 * snapshot. So it may return long before the time is over.
 */
export function turnScript(key: LockKey, mode: LockMode, timeoutMs: number): string {
  return `DO $wait$
BEGIN
  BEGIN
    PERFORM pg_catalog.set_config('lock_timeout', '${lockTimeoutOf(Math.min(timeoutMs, TURN_MS))}', true);
    PERFORM ${lockCall(key, mode)};
    PERFORM pg_catalog.set_config('${RESULT}', 'y', true);
  EXCEPTION
    WHEN lock_not_available OR query_canceled THEN PERFORM pg_catalog.set_config('${RESULT}', '', true);
  END;
EXCEPTION
  WHEN lock_not_available OR query_canceled THEN PERFORM pg_catalog.set_config('${RESULT}', '', true);
END $wait$`;
}

function lockCall(key: LockKey, mode: LockMode): string {
  return `pg_catalog.pg_advisory_lock${mode === 'shared' ? '_shared' : ''}(${argumentsOf(key)})`;
}

/** The `lock_timeout` for a wait. 0 means no timeout, so the shortest one is a millisecond. */
export function lockTimeoutOf(waitMs: number): number {
  return Number.isFinite(waitMs) ? Math.max(1, Math.ceil(waitMs)) : 0;
}

/**
 * A key as arguments in a script. Quoted, because `-9223372036854775808` is the negation of a number that is
 * no int8.
 */
export function argumentsOf({ value }: LockKey): string {
  return typeof value === 'bigint'
    ? `'${value}'::pg_catalog.int8`
    : `'${value[0]}'::pg_catalog.int4, '${value[1]}'::pg_catalog.int4`;
}
