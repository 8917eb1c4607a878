import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

const TABLE_IS_FULL =
  "the server's lock table is full. Hold fewer locks at once, or raise `max_locks_per_transaction` in " +
  'postgresql.conf, which takes a restart. The table has room for about max_locks_per_transaction × ' +
  '(max_connections + max_prepared_transactions) locks of all sessions together';

/**
 * There is no room for the lock. Code `LOCK_CAPACITY`. The lock was not taken, and nothing of the attempt
 * stays locked. Either this process holds as many locks as it may (`maxLocks`): then the message names the
 * kinds of names with the most locks. Or the lock table of the server is full: Postgres reported 53200
 * `out_of_memory`, with the hint to raise `max_locks_per_transaction`, and `cause` is its error.
 *
 * The table has room for about `max_locks_per_transaction × (max_connections + max_prepared_transactions)`
 * locks of all sessions of all databases together.
 *
 * @example
 * ```ts
 * const isFull = (error: unknown): boolean => error instanceof LockCapacityError;
 * ```
 * @see https://www.postgresql.org/docs/current/runtime-config-locks.html
 */
export class LockCapacityError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_CAPACITY'];
  override readonly name: string = 'LockCapacityError';
  /** `'LOCK_CAPACITY'`. */
  readonly code = 'LOCK_CAPACITY';

  constructor(lockName: string, cause: unknown, reason = TABLE_IS_FULL) {
    super(`The lock "${lockName}" was not taken: ${reason}.`, { lockName, cause });
  }
}
