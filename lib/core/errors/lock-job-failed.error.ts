import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

/** What is known about a run that failed in another instance. */
export interface LockJobFailedDetails {
  /** The name of the job's lock, as the application wrote it. */
  readonly lockName: string;
  /** The `instanceName` of the instance that ran it. */
  readonly instance: string;
  /** The message of what the job threw there. */
  readonly message: string;
}

/**
 * A job that `AdvisoryLockJobs.runNow()` started in another instance failed there. Code `LOCK_JOB_FAILED`.
 * The error itself, with its stack, is in the events and in the history of that instance.
 *
 * @example
 * ```ts
 * catch (error) {
 *   if (error instanceof LockJobFailedError) console.error(`${error.instance}: ${error.message}`);
 * }
 * ```
 */
export class LockJobFailedError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = ['LOCK_JOB_FAILED'];
  override readonly name: string = 'LockJobFailedError';
  /** `'LOCK_JOB_FAILED'`. */
  readonly code = 'LOCK_JOB_FAILED';
  /** The `instanceName` of the instance that ran it. */
  readonly instance: string;

  constructor({ lockName, instance, message }: LockJobFailedDetails) {
    super(`The job "${lockName}" failed in ${instance}: ${message}`, { lockName });
    this.instance = instance;
  }
}
