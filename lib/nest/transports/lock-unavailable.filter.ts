import { type ArgumentsHost, Catch, Inject, Logger } from '@nestjs/common';
import { ApplicationConfig, BaseExceptionFilter, ModulesContainer } from '@nestjs/core';
import { throwError } from 'rxjs';
import {
  LockCapacityError,
  LockConnectionError,
  LockLostError,
  LockShutdownError,
  LockUnavailableError,
} from '../../core/index.js';
import { retryAfterSecondsOf, toHttpException } from '../http/to-http-exception.js';
import { filterGateways } from './filter-gateways.js';
import { GraphQlLockError } from './graphql-error.js';
import { lockRefusalOf } from './lock-refusal.js';
import { replyWs } from './reply-ws.js';
import { rpcErrorOf } from './rpc-error.js';

/**
 * Shows clients of every transport why a lock could not be had, when no exception filter of the application
 * has caught the error before.
 *
 * The module makes it a filter of the whole application. Only a microservice that is connected without
 * `inheritAppConfig` does not use it; give it to the controllers.
 *
 * @example
 * ```ts
 * @Controller()
 * @UseFilters(LockUnavailableFilter)
 * class Payments {}
 * ```
 */
@Catch(LockUnavailableError, LockConnectionError, LockShutdownError, LockCapacityError, LockLostError)
export class LockUnavailableFilter extends BaseExceptionFilter {
  private readonly log = new Logger('AdvisoryLock');

  /** @internal */
  constructor(
    @Inject(ApplicationConfig) config: ApplicationConfig,
    @Inject(ModulesContainer) modules: ModulesContainer,
  ) {
    super();
    filterGateways(modules, this);
    // Nest tries the last global filter first. As APP_FILTER, this one would come after those of the
    // application's root module, and Nest would try it before them.
    config.getGlobalFilters().unshift(this);
  }

  /** @internal */
  override catch(error: Error, host: ArgumentsHost): unknown {
    const refusal = lockRefusalOf(error);
    const transport = host.getType<'http' | 'ws' | 'rpc' | 'graphql'>();
    if (refusal === undefined) return undefined;
    if (isNews(error, transport)) this.log.warn(`${subjectOf(host, transport)}${error.message}`);
    switch (transport) {
      case 'http':
        this.askToRetry(error, host.switchToHttp().getResponse());
        super.catch(toHttpException(error), host);
        return undefined;
      case 'ws':
        replyWs(refusal, host);
        return undefined;
      case 'rpc':
        return throwError(() => rpcErrorOf(refusal, host));
      case 'graphql':
        throw new GraphQlLockError(refusal, error);
      default:
        // Of another library, which continues with the error.
        return undefined;
    }
  }

  private askToRetry(error: Error, response: unknown): void {
    const seconds = retryAfterSecondsOf(error);
    const { httpAdapter } = this.httpAdapterHost ?? {};
    if (seconds === undefined || httpAdapter?.isHeadersSent(response) !== false) return;
    httpAdapter.setHeader(response, 'retry-after', String(seconds));
  }
}

/**
 * What the log does not say by itself. A lost connection is logged once, when it is lost; a full lock table
 * shows nowhere else. No client learns of an event that was not handled, and nothing here says whether a
 * microservice has received an event or a message.
 */
function isNews(error: Error, transport: string): boolean {
  if (error instanceof LockCapacityError || transport === 'rpc') return true;
  return error instanceof LockLostError && transport !== 'http';
}

function subjectOf(host: ArgumentsHost, transport: string): string {
  if (transport !== 'rpc') return '';
  const pattern = patternOf(host.switchToRpc().getContext());
  return `A message or event${pattern} was not handled, or not to its end. `;
}

/** TCP and RabbitMQ have patterns, Redis channels, NATS subjects, and Kafka and MQTT topics. */
const PATTERN_GETTERS = ['getPattern', 'getChannel', 'getSubject', 'getTopic'] as const;
type RpcContext = Partial<Record<(typeof PATTERN_GETTERS)[number], unknown>>;

function patternOf(context: RpcContext | undefined): string {
  const getter = PATTERN_GETTERS.find((name) => typeof context?.[name] === 'function');
  if (getter === undefined) return '';
  return ` ${JSON.stringify((context as Record<string, () => unknown>)[getter]?.())}`;
}
