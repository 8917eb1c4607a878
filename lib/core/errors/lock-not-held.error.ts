import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

/**
 * Code that needs a lock runs without it: the lock was released before, or was never taken in this
 * asynchronous context. Code `LOCK_NOT_HELD`. It is a mistake in the program: await everything that needs the
 * lock inside the locked body.
 *
 * @example
 * ```ts
 * const lock = await locks.acquire('import');
 * await lock.release();
 * lock.assertHeld(); // throws LockNotHeldError
 * ```
 */
export class LockNotHeldError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_NOT_HELD'];
  override readonly name: string = 'LockNotHeldError';
  /** `'LOCK_NOT_HELD'`. */
  readonly code = 'LOCK_NOT_HELD';

  constructor(lockName: string | undefined, what: string) {
    const which = lockName === undefined ? 'No transaction lock is' : `The lock "${lockName}" is not`;
    super(`${which} held here: ${what}. Await everything that needs the lock inside the locked body.`, {
      lockName,
    });
  }
}
