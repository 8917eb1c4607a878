import { type ArgumentsHost, Catch, Inject, Logger } from '@nestjs/common';
import { ApplicationConfig, BaseExceptionFilter } from '@nestjs/core';
import { throwError } from 'rxjs';
import {
  LockCapacityError,
  LockConnectionError,
  LockLostError,
  LockShutdownError,
  LockUnavailableError,
} from '../../core/index.js';
import { retryAfterSecondsOf, toHttpException } from './to-http-exception.js';

/**
 * Shows HTTP clients why a lock could not be had, when no exception filter of the application has caught the
 * error before.
 */
@Catch(LockUnavailableError, LockConnectionError, LockShutdownError, LockCapacityError, LockLostError)
export class LockUnavailableFilter extends BaseExceptionFilter {
  private readonly log = new Logger('AdvisoryLock');

  constructor(@Inject(ApplicationConfig) config: ApplicationConfig) {
    super();
    // Nest tries the last global filter first. As APP_FILTER, this one would come after those of the
    // application's root module, and Nest would try it before them.
    config.getGlobalFilters().unshift(this);
  }

  override catch(error: Error, host: ArgumentsHost): unknown {
    const exception = toHttpException(error);
    if (host.getType() === 'http') {
      // A lost connection is logged once, when it is lost. A full lock table shows nowhere else.
      if (error instanceof LockCapacityError) this.log.warn(error.message);
      this.askToRetry(error, host.switchToHttp().getResponse());
      super.catch(exception, host);
    }
    // A microservice passes on what the filter returns; every other context continues with the error.
    return host.getType() === 'rpc' && exception !== error ? throwError(() => error) : undefined;
  }

  private askToRetry(error: Error, response: unknown): void {
    const seconds = retryAfterSecondsOf(error);
    const { httpAdapter } = this.httpAdapterHost ?? {};
    if (seconds === undefined || httpAdapter?.isHeadersSent(response) !== false) return;
    httpAdapter.setHeader(response, 'retry-after', String(seconds));
  }
}
