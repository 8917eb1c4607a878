import type { ExceptionFilter } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';

/** What @WebSocketGateway() and @UseFilters() of Nest write: @nestjs/websockets is optional. */
const IS_GATEWAY = 'websockets:is_gateway';
const FILTERS = '__exceptionFilters__';

/**
 * Gives the filter to every gateway of the application, as the last one that Nest tries. Nest gives its
 * global filters to no gateway.
 */
export function filterGateways(modules: ModulesContainer, filter: ExceptionFilter): void {
  for (const { providers } of modules.values()) {
    for (const { metatype } of providers.values()) {
      if (typeof metatype !== 'function' || Reflect.getMetadata(IS_GATEWAY, metatype) !== true) continue;
      const filters = (Reflect.getMetadata(FILTERS, metatype) ?? []) as unknown[];
      // The class outlives an application, and another copy of this package gives it the same.
      const others = filters.filter((each) => each?.constructor.name !== filter.constructor.name);
      Reflect.defineMetadata(FILTERS, [filter, ...others], metatype);
    }
  }
}
