import { ConfigurableModuleBuilder, type DynamicModule, type Provider } from '@nestjs/common';
import { APP_FILTER, ModuleRef } from '@nestjs/core';
import { AdvisoryLockLifecycle } from './advisory-lock.lifecycle.js';
import {
  type AdvisoryLockModuleExtras,
  type AdvisoryLockModuleOptions,
  moduleOptionRules,
} from './advisory-lock.options.js';
import { AdvisoryLockService } from './advisory-lock.service.js';
import { DEFAULT_NAME, getAdvisoryLockToken } from './advisory-lock.tokens.js';
import { findDataSource } from './discovery/find-data-source.js';
import { LockedProviders } from './discovery/locked-providers.js';
import { KeyBook } from './engine/key-book.js';
import { LockConnections } from './engine/lock-connections.js';
import { LockTable } from './engine/lock-table.js';
import { LockUnavailableFilter } from './http/lock-unavailable.filter.js';
import { checkOptions } from './lock.options.js';

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<AdvisoryLockModuleOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createAdvisoryLockOptions')
    .setExtras<AdvisoryLockModuleExtras>({ name: DEFAULT_NAME, isGlobal: true }, withProviders)
    .build();

function withProviders(definition: DynamicModule, extras: AdvisoryLockModuleExtras): DynamicModule {
  const { name = DEFAULT_NAME, isGlobal = true } = extras;
  const token = getAdvisoryLockToken(name);
  // Only the default service can be injected by its class.
  const byClass: Provider[] =
    name === DEFAULT_NAME ? [{ provide: AdvisoryLockService, useExisting: token }] : [];
  return {
    ...definition,
    global: isGlobal,
    providers: [
      ...(definition.providers ?? []),
      {
        provide: LockConnections,
        inject: [MODULE_OPTIONS_TOKEN, ModuleRef],
        useFactory: (options: AdvisoryLockModuleOptions, moduleRef: ModuleRef) => {
          checkOptions(options, moduleOptionRules, 'AdvisoryLockModule');
          return new LockConnections(
            () => findDataSource(moduleRef, options.dataSource).options,
            options.connectionOptions ?? {},
            name === DEFAULT_NAME ? 'nestjs-advisory-lock' : `nestjs-advisory-lock ${name}`,
          );
        },
      },
      {
        provide: LockTable,
        inject: [LockConnections],
        useFactory: (connections: LockConnections) => new LockTable(connections),
      },
      {
        provide: AdvisoryLockLifecycle,
        inject: [LockConnections, LockTable, MODULE_OPTIONS_TOKEN],
        useFactory: (connections: LockConnections, table: LockTable, options: AdvisoryLockModuleOptions) =>
          new AdvisoryLockLifecycle(table, connections, options.shutdownTimeoutMs),
      },
      {
        provide: token,
        inject: [LockTable, MODULE_OPTIONS_TOKEN],
        useFactory: (table: LockTable, options: AdvisoryLockModuleOptions) => {
          const { httpStatus, exposeLockName } = options;
          return new AdvisoryLockService(new KeyBook(options), table, {
            ...(httpStatus !== undefined && { httpStatus }),
            ...(exposeLockName !== undefined && { exposeLockName }),
          });
        },
      },
      ...byClass,
      LockedProviders,
      { provide: APP_FILTER, useClass: LockUnavailableFilter },
    ],
    exports: [token, ...byClass],
  };
}
