import type { Statement } from './statement.js';

/** Gives back whatever this session may hold. */
export const UNLOCK_ALL: Statement = { text: 'SELECT pg_catalog.pg_advisory_unlock_all()' };

export const BACKEND_PID: Statement = {
  name: 'advisory_lock_backend_pid',
  text: 'SELECT pg_catalog.pg_backend_pid()',
};

/**
 * The number of the transaction that it is: each is higher than all that were given before, across all sessions.
 *
 * A crash of the server forgets numbers of transactions that wrote nothing, and of those whose commit was not flushed, and gives them
 * again (test/faults/fencing.spec.ts). Hence the message, which only logical decoding could see, and `local`, which waits for the
 * server's disk, and not for a standby that may be away.
 *
 * @see https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION
 */
export const TRANSACTION_ID: Statement = {
  name: 'advisory_lock_transaction_id',
  // The name that versions before 13 know too.
  text: `SELECT pg_catalog.txid_current()
FROM pg_catalog.set_config('synchronous_commit', 'local', true),
  pg_catalog.pg_logical_emit_message(true, 'nestjs-advisory-lock', '')`,
};

/** Lets `pg_stat_activity` be read anew: inside of one transaction it stays as it was when it was first read. */
export const CLEAR_SNAPSHOT: Statement = { text: 'SELECT pg_catalog.pg_stat_clear_snapshot()' };

/** Ends what another backend of the same role is waiting for. */
export function cancelStatement(backendPid: number): Statement {
  return { text: 'SELECT pg_catalog.pg_cancel_backend($1::int4)', values: [String(backendPid)] };
}
