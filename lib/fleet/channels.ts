/** Where questions to the fleet are asked. Each shared session of this library in the database hears it. */
export const QUESTIONS = 'nestjs_advisory_lock';

/** Where only one backend listens, for the answers to its questions: the others need not be woken by them. */
export function answersFor(backendPid: number): string {
  return `${QUESTIONS}_${backendPid}`;
}

/**
 * What a statement with NOTIFY has to set for its transaction, in a FROM clause.
 *
 * Such transactions commit one after the other, in the whole server. One of the application that waits for its standby, perhaps for
 * ever, would hold up the session of the locks, which would be lost for its silence; and such a one must not wait for a standby itself.
 */
export const NOTIFY_SETTINGS = `pg_catalog.set_config('synchronous_commit', 'off', true) AS waits_for_no_disk,
  pg_catalog.set_config('lock_timeout', '100', true) AS waits_for_no_commit`;
