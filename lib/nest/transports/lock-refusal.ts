import {
  type AdvisoryLockErrorCode,
  LockCapacityError,
  LockConnectionError,
  LockLostError,
  LockShutdownError,
  LockUnavailableError,
  SHUTDOWN_REASON,
} from '../../core/index.js';

/** What a client may know about a lock that could not be had, or that was lost. */
export interface LockRefusal {
  readonly code: AdvisoryLockErrorCode;
  readonly message: string;
  /** The status of HTTP that says the same. */
  readonly statusCode: number;
  /** The name of the lock, with `exposeLockName`. */
  readonly lock?: string;
}

/** `undefined` for every other error. */
export function lockRefusalOf(error: unknown): LockRefusal | undefined {
  if (error instanceof LockUnavailableError) {
    const { httpStatus = 409, exposeLockName = false } = error.http;
    return {
      code: error.code,
      message: 'Another request holds this lock. Try again later.',
      statusCode: httpStatus,
      ...(exposeLockName && error.lockName !== undefined && { lock: error.lockName }),
    };
  }
  if (error instanceof LockShutdownError || isLostByShutdown(error)) {
    return {
      code: error.code,
      message: 'This instance is shutting down. Try again.',
      statusCode: 503,
    };
  }
  if (error instanceof LockConnectionError || error instanceof LockCapacityError) {
    return {
      code: error.code,
      message: 'The lock cannot be taken at the moment. Try again later.',
      statusCode: 503,
    };
  }
  if (error instanceof LockLostError) {
    return {
      code: error.code,
      message: 'The lock was lost while this request was under way.',
      statusCode: 500,
    };
  }
  return undefined;
}

/** What was under way at the end of the grace of a shutdown. */
export function isLostByShutdown(error: unknown): error is LockLostError {
  return error instanceof LockLostError && error.reason === SHUTDOWN_REASON;
}
