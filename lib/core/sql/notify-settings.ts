/**
 * What a statement with NOTIFY sets for its transaction, in a FROM clause.
 *
 * Such transactions commit one after the other, in the whole server. Behind one of the application that waits for its
 * standby, perhaps without end, the session of the locks would go silent and lose its locks; and it must not wait for a
 * standby itself.
 */
export const NOTIFY_SETTINGS = `pg_catalog.set_config('synchronous_commit', 'off', true) AS waits_for_no_disk,
  pg_catalog.set_config('lock_timeout', '100', true) AS waits_for_no_commit`;
