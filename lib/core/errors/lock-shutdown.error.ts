import { AdvisoryLockError } from './advisory-lock.error.js';

/** The application is shutting down and takes no new locks. Code `LOCK_SHUTDOWN`. */
export class LockShutdownError extends AdvisoryLockError {
  override readonly name: string = 'LockShutdownError';
  readonly code = 'LOCK_SHUTDOWN';

  constructor(lockName?: string) {
    const what =
      lockName === undefined ? 'No lock connection was opened' : `The lock "${lockName}" was not taken`;
    super(`${what}: the application is shutting down and takes no new locks.`, { lockName });
  }
}
