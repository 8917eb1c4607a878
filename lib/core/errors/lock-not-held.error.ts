import { AdvisoryLockError } from './advisory-lock.error.js';

/**
 * Code that asserted a lock runs without it: the lock was released before, or was never taken in this asynchronous context.
 * Code `LOCK_NOT_HELD`. A mistake in the program: await everything that needs the lock inside the locked body.
 */
export class LockNotHeldError extends AdvisoryLockError {
  override readonly name: string = 'LockNotHeldError';
  readonly code = 'LOCK_NOT_HELD';

  constructor(lockName: string | undefined, what: string) {
    const which = lockName === undefined ? 'No transaction lock is' : `The lock "${lockName}" is not`;
    super(`${which} held here: ${what}. Await everything that needs the lock inside the locked body.`, {
      lockName,
    });
  }
}
