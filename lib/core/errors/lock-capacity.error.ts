import { AdvisoryLockError } from './advisory-lock.error.js';

/**
 * The server's lock table is full: Postgres answered 53200 `out_of_memory` with the hint to raise
 * `max_locks_per_transaction`. Code `LOCK_CAPACITY`. The lock was not taken, and nothing of the attempt stays locked.
 *
 * The table has room for about `max_locks_per_transaction × (max_connections + max_prepared_transactions)` locks of all
 * sessions of all databases together.
 *
 * @see https://www.postgresql.org/docs/current/runtime-config-locks.html
 */
export class LockCapacityError extends AdvisoryLockError {
  override readonly name: string = 'LockCapacityError';
  readonly code = 'LOCK_CAPACITY';

  constructor(lockName: string, cause: unknown) {
    super(
      `The server's lock table is full, so the lock "${lockName}" could not be taken. Hold fewer locks at once, or raise ` +
        '`max_locks_per_transaction` in postgresql.conf (needs a restart); the table has room for about ' +
        'max_locks_per_transaction × (max_connections + max_prepared_transactions) locks of all sessions together.',
      { lockName, cause },
    );
  }
}
