/**
 * What a statement with NOTIFY sets for its transaction, in a FROM clause.
 *
 * Transactions with NOTIFY commit one after the other, in the whole server. When one of the application waits
 * for a standby, perhaps without end, the session of the locks would wait behind it, go silent and lose its
 * locks. Nor may it wait for a standby itself.
 */
export const NOTIFY_SETTINGS = `pg_catalog.set_config('synchronous_commit', 'off', true) AS waits_for_no_disk,
  pg_catalog.set_config('lock_timeout', '100', true) AS waits_for_no_commit`;
