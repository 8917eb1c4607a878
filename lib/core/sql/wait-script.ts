import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';

/**
 * Waits for the key in Postgres' queue, as one message and so in one implicit transaction: with it the settings go back to
 * what the role or database says, and the lock, which is the session's, stays.
 */
export function waitScript(key: LockKey, mode: LockMode, timeoutMs: number): string {
  return (
    `SET LOCAL lock_timeout = ${lockTimeoutOf(timeoutMs)}; SET LOCAL statement_timeout = 0; ` +
    `SELECT pg_catalog.${mode === 'shared' ? 'pg_advisory_lock_shared' : 'pg_advisory_lock'}(${argumentsOf(key)})`
  );
}

/** What `lock_timeout` is set to. 0 is no timeout, so the shortest is a millisecond. */
export function lockTimeoutOf(waitMs: number): number {
  return Number.isFinite(waitMs) ? Math.max(1, Math.ceil(waitMs)) : 0;
}

/** A key as arguments in a script. Quoted, as `-9223372036854775808` is the negation of a number that is no int8. */
export function argumentsOf({ value }: LockKey): string {
  return typeof value === 'bigint' ? `'${value}'::int8` : `'${value[0]}'::int4, '${value[1]}'::int4`;
}
