/**
 * How a transaction sees what other transactions write.
 *
 * @see https://www.postgresql.org/docs/current/transaction-iso.html
 */
export type TransactionIsolationLevel =
  'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';
