import { STATUS_CODES } from 'node:http';
import { type ArgumentsHost, Catch, HttpException, Inject } from '@nestjs/common';
import { ApplicationConfig, BaseExceptionFilter } from '@nestjs/core';
import { throwError } from 'rxjs';
import { LockUnavailableError } from '../../core/index.js';

/**
 * Makes the HTTP response for a busy lock: the status (409 by default), the code, and the name of the lock
 * only with `exposeLockName: true`. For the exception filters of an application that catch everything. Never
 * throws.
 *
 * @example
 * ```ts
 * catch(exception: unknown, host: ArgumentsHost) {
 *   super.catch(exception instanceof LockUnavailableError ? toHttpException(exception) : exception, host);
 * }
 * ```
 */
export function toHttpException(error: LockUnavailableError): HttpException {
  const { httpStatus = 409, exposeLockName = false } = error.http;
  const body = {
    statusCode: httpStatus,
    error: STATUS_CODES[httpStatus],
    message: 'Another request holds this lock. Try again later.',
    code: error.code,
    ...(exposeLockName && { lock: error.lockName }),
  };
  return new HttpException(body, httpStatus, { cause: error });
}

/**
 * Shows a busy lock to HTTP clients, when no exception filter of the application has caught the error before.
 */
@Catch(LockUnavailableError)
export class LockUnavailableFilter extends BaseExceptionFilter {
  constructor(@Inject(ApplicationConfig) config: ApplicationConfig) {
    super();
    // Nest tries the last global filter first. As APP_FILTER, this one would come after those of the
    // application's root module, and Nest would try it before them.
    config.getGlobalFilters().unshift(this);
  }

  override catch(error: LockUnavailableError, host: ArgumentsHost): unknown {
    if (host.getType() === 'http') super.catch(toHttpException(error), host);
    // A microservice passes on what the filter returns; every other context continues with the error.
    return host.getType() === 'rpc' ? throwError(() => error) : undefined;
  }
}
