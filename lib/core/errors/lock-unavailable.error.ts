import { AdvisoryLockError, type AdvisoryLockErrorCode, ERROR_CODES } from './advisory-lock.error.js';

/** The HTTP statuses that a busy lock may be shown as. */
export type BusyHttpStatus = 409 | 423 | 429 | 503;

/**
 * How a busy lock is shown to an HTTP client.
 *
 * @example
 * ```ts
 * @WithAdvisoryLock('import', { httpStatus: 423, exposeLockName: true })
 * async import(): Promise<void> {}
 * ```
 */
export interface BusyHttpOptions {
  /**
   * The status: 409 Conflict, 423 Locked, 429 Too Many Requests or 503 Service Unavailable.
   * @default 409
   */
  readonly httpStatus?: BusyHttpStatus;
  /**
   * Whether the response names the lock. A name such as `order:42` shows a stranger what other clients do.
   * @default false
   */
  readonly exposeLockName?: boolean;
}

/**
 * Another holder has the lock. Code `LOCK_UNAVAILABLE`. The lock was not taken.
 *
 * It is an expected outcome, not a failure: try again later, or use `tryWithLock` or `onBusy`, where busy is
 * a value. Where no code of the application catches it in an HTTP request, the client gets a 409 (see
 * {@link BusyHttpOptions}).
 *
 * @example
 * ```ts
 * catch (error) {
 *   if (error instanceof LockUnavailableError) return 'busy'; // a LockTimeoutError is one, too
 *   throw error;
 * }
 * ```
 */
export class LockUnavailableError extends AdvisoryLockError {
  /** @internal */
  protected static override readonly [ERROR_CODES]: readonly AdvisoryLockErrorCode[] = [
    'LOCK_UNAVAILABLE',
    'LOCK_TIMEOUT',
  ];
  override readonly name: string = 'LockUnavailableError';
  /** `'LOCK_UNAVAILABLE'`, or `'LOCK_TIMEOUT'` after a wait. */
  readonly code: 'LOCK_UNAVAILABLE' | 'LOCK_TIMEOUT' = 'LOCK_UNAVAILABLE';

  constructor(
    lockName: string,
    /** How the exception filter of this library shows it. */
    readonly http: BusyHttpOptions = {},
    message = `The lock "${lockName}" is held by another holder. Try again later, wait with \`waitMs\`, or ` +
      'use tryWithLock() or `onBusy` where a busy lock is expected.',
  ) {
    super(message, { lockName });
  }
}
