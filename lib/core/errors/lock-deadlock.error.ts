import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

/**
 * The wait for the lock would never have ended: its holder waits for something that the waiting transaction
 * holds. Postgres chose this side to give up (40P01 `deadlock_detected`). Code `LOCK_DEADLOCK`. The lock was
 * not taken. Other locks of the transaction are still held, and the transaction can go on.
 *
 * @example
 * ```ts
 * catch (error) {
 *   if (error instanceof LockDeadlockError) this.logger.warn(`deadlock: ${error.lockNames.join(', ')}`);
 *   throw error;
 * }
 * ```
 */
export class LockDeadlockError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_DEADLOCK'];
  override readonly name: string = 'LockDeadlockError';
  /** `'LOCK_DEADLOCK'`. */
  readonly code = 'LOCK_DEADLOCK';

  constructor(
    lockName: string,
    /** The advisory locks that are part of the deadlock: by name where this process knows it, else by key. */
    readonly lockNames: readonly string[],
    cause: unknown,
  ) {
    super(
      `The lock "${lockName}" was not taken: the wait for it was a deadlock between ` +
        `${lockNames.map((name) => `"${name}"`).join(' and ')}. Its holder waits for what this transaction ` +
        'holds. Take locks in the same order everywhere.',
      { lockName, cause },
    );
  }
}
