import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import {
  type LockCapacityError,
  LockConnectionError,
  LockLostError,
  LockShutdownError,
  type LockUnavailableError,
} from '../../core/index.js';
import { isLostByShutdown, lockRefusalOf } from '../transports/lock-refusal.js';

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
  const refusal = lockRefusalOf(exception);
  // A loss that is no shutdown is Nest's 500, which Nest logs.
  if (refusal === undefined || (exception instanceof LockLostError && !isLostByShutdown(exception))) {
    return exception;
  }
  const { statusCode, message, code, ...lock } = refusal;
  const body = { statusCode, error: STATUS_CODES[statusCode], message, code, ...lock };
  return new HttpException(body, statusCode, { cause: exception as Error });
}

/** After how many seconds a client should try again; `undefined` where no time can be named. */
export function retryAfterSecondsOf(error: unknown): number | undefined {
  const isShort =
    error instanceof LockConnectionError || error instanceof LockShutdownError || isLostByShutdown(error);
  return isShort ? RETRY_AFTER_SECONDS : undefined;
}
