import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import {
  type AdvisoryLockErrorCode,
  LockCapacityError,
  LockConnectionError,
  LockLostError,
  LockShutdownError,
  LockUnavailableError,
  SHUTDOWN_REASON,
} from '../../core/index.js';

/** The lock connection opens again after at most a second, and a fleet has other instances. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Makes the HTTP response for a lock that could not be had, as the filter of this library does: for the
 * exception filters of an application that catch everything. Never throws.
 *
 * A busy lock becomes the status 409, or what `httpStatus` says, with the name of the lock only with
 * `exposeLockName: true`. `LOCK_CONNECTION`, `LOCK_SHUTDOWN` and `LOCK_CAPACITY` become a 503, and so does a
 * `LOCK_LOST` of the shutdown. The body has the `code`. Every other exception is returned as it is.
 *
 * @example
 * ```ts
 * catch(exception: unknown, host: ArgumentsHost) {
 *   super.catch(toHttpException(exception), host);
 * }
 * ```
 */
export function toHttpException(
  error: LockUnavailableError | LockConnectionError | LockShutdownError | LockCapacityError,
): HttpException;
export function toHttpException(exception: unknown): unknown;
export function toHttpException(exception: unknown): unknown {
  if (exception instanceof LockUnavailableError) {
    const { httpStatus = 409, exposeLockName = false } = exception.http;
    const lock = exposeLockName ? { lock: exception.lockName } : {};
    const message = 'Another request holds this lock. Try again later.';
    return responseOf(httpStatus, message, exception, lock);
  }
  if (exception instanceof LockShutdownError || isLostByShutdown(exception)) {
    return responseOf(503, 'This instance is shutting down. Try again.', exception);
  }
  if (exception instanceof LockConnectionError || exception instanceof LockCapacityError) {
    return responseOf(503, 'The lock cannot be taken at the moment. Try again later.', exception);
  }
  return exception;
}

/** After how many seconds a client should try again; `undefined` where no time can be named. */
export function retryAfterSecondsOf(error: unknown): number | undefined {
  const isShort =
    error instanceof LockConnectionError || error instanceof LockShutdownError || isLostByShutdown(error);
  return isShort ? RETRY_AFTER_SECONDS : undefined;
}

/** What was under way at the end of the grace of a shutdown. */
function isLostByShutdown(error: unknown): error is LockLostError {
  return error instanceof LockLostError && error.reason === SHUTDOWN_REASON;
}

function responseOf(
  statusCode: number,
  message: string,
  cause: Error & { readonly code: AdvisoryLockErrorCode },
  rest: object = {},
): HttpException {
  const body = { statusCode, error: STATUS_CODES[statusCode], message, code: cause.code, ...rest };
  return new HttpException(body, statusCode, { cause });
}
