import type { Statement } from './statement.js';

/** Gives back all locks that this session may hold. */
export const UNLOCK_ALL: Statement = { text: 'SELECT pg_catalog.pg_advisory_unlock_all()' };

export const BACKEND_PID: Statement = {
  name: 'advisory_lock_backend_pid',
  text: 'SELECT pg_catalog.pg_backend_pid()',
};

/**
 * Returns the id of its own transaction. Each is higher than all earlier ones, across all sessions.
 *
 * After a crash the server does not remember the ids of transactions that wrote nothing, or whose commit was
 * not flushed, and assigns them again (test/faults/fencing.spec.ts). Hence the message, which only logical
 * decoding can see, and `local`, which waits for the disk of the server, but not for a standby that may be
 * down.
 *
 * @see https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION
 */
export const TRANSACTION_ID: Statement = {
  name: 'advisory_lock_transaction_id',
  // Versions before 13 know this function, too.
  text: `SELECT pg_catalog.txid_current()
FROM pg_catalog.set_config('synchronous_commit', 'local', true),
  pg_catalog.pg_logical_emit_message(true, 'nestjs-advisory-lock', '')`,
};

/** Refreshes `pg_stat_activity`: inside one transaction it stays as it was when it was first read. */
export const CLEAR_SNAPSHOT: Statement = { text: 'SELECT pg_catalog.pg_stat_clear_snapshot()' };

/**
 * Cancels the wait of another backend of the same role for an advisory lock, if it waits at this moment: only
 * there it catches the cancel, which writes a line into the log of the server otherwise.
 */
export function cancelStatement(backendPid: number): Statement {
  return {
    text: `SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_locks
WHERE pid = $1::int4 AND locktype = 'advisory' AND NOT granted`,
    values: [String(backendPid)],
  };
}

/** Ends the listening to all channels. */
export const UNLISTEN: Statement = { text: 'UNLISTEN *' };

/** `channel` is an identifier that needs no quotes. */
export function listenStatement(channel: string): Statement {
  return { text: `LISTEN ${channel}` };
}
