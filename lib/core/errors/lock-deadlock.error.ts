import { AdvisoryLockError } from './advisory-lock.error.js';

/**
 * Waiting for the lock would never have ended: who holds it waits for something that the waiting transaction holds. Postgres
 * chose this side to give up (40P01 `deadlock_detected`). Code `LOCK_DEADLOCK`. The lock was not taken; other locks of the
 * transaction are still held, and it can go on.
 */
export class LockDeadlockError extends AdvisoryLockError {
  override readonly name: string = 'LockDeadlockError';
  readonly code = 'LOCK_DEADLOCK';

  constructor(
    lockName: string,
    /** The advisory locks that are part of the deadlock: by name where this process knows it, else by key. */
    readonly lockNames: readonly string[],
    cause: unknown,
  ) {
    super(
      `Waiting for the lock "${lockName}" was a deadlock between ${lockNames.map((name) => `"${name}"`).join(' and ')}: who ` +
        'holds it waits for what is held here. It was not taken. Take locks in the same order everywhere.',
      { lockName, cause },
    );
  }
}
