import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';

/**
 * Waits for the key in the queue of Postgres, as one message and so in one implicit transaction. At its end
 * the settings go back to those of the session, and the lock, which belongs to the session, stays.
 */
export function waitScript(key: LockKey, mode: LockMode, timeoutMs: number): string {
  return (
    `SET LOCAL lock_timeout = ${lockTimeoutOf(timeoutMs)}; SET LOCAL statement_timeout = 0; ` +
    `SELECT pg_catalog.pg_advisory_lock${mode === 'shared' ? '_shared' : ''}(${argumentsOf(key)})`
  );
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
