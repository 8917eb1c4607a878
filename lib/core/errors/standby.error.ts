/**
 * The cause of a `LockConnectionError`: the server is up, but its locks do not exclude those of its primary.
 */
export class StandbyError extends Error {
  override readonly name = 'StandbyError';

  constructor() {
    super(
      'the server is a standby (pg_is_in_recovery() is true), and a standby grants the same lock as its ' +
        'primary. Let the data source, or `connectionOptions` of AdvisoryLockModule, point to the primary; ' +
        'after a failover the next request connects again',
    );
  }
}
