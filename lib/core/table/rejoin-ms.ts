/**
 * After how long a waiter that may wait for long joins the queue of Postgres again, in milliseconds. A
 * statement that waits has a snapshot, which holds back vacuum in the whole database and keeps CREATE INDEX
 * CONCURRENTLY waiting; the holder may keep the lock for months.
 *
 * @see https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
 */
export const REJOIN_MS = 5_000;
