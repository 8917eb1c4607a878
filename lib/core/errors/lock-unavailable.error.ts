import { AdvisoryLockError } from './advisory-lock.error.js';

/** The HTTP statuses that a busy lock may be shown as. */
export type BusyHttpStatus = 409 | 423 | 429 | 503;

/** How a busy lock is shown to an HTTP client. */
export interface BusyHttpOptions {
  /**
   * The status: 409 Conflict, 423 Locked, 429 Too Many Requests or 503 Service Unavailable.
   * @default 409
   */
  readonly httpStatus?: BusyHttpStatus;
  /**
   * Whether the response names the lock. Off by default: a name such as `order:42` tells a stranger what others are doing.
   * @default false
   */
  readonly exposeLockName?: boolean;
}

/**
 * Somebody else holds the lock. Code `LOCK_UNAVAILABLE`.
 *
 * It is an expected outcome, not a failure: try again later, or use `tryWithLock` / `onBusy`, where busy is a value.
 * In an HTTP request that nobody catches it in, the client gets a 409 (see {@link BusyHttpOptions}).
 */
export class LockUnavailableError extends AdvisoryLockError {
  override readonly name: string = 'LockUnavailableError';
  readonly code: 'LOCK_UNAVAILABLE' | 'LOCK_TIMEOUT' = 'LOCK_UNAVAILABLE';

  constructor(
    lockName: string,
    /** How the exception filter of this library shows it. */
    readonly http: BusyHttpOptions = {},
    message = `The lock "${lockName}" is held elsewhere. Try again later, wait with \`waitMs\`, or use tryWithLock() or ` +
      '`onBusy` where a busy lock is nothing unusual.',
  ) {
    super(message, { lockName });
  }
}
