import { ConfigurableModuleBuilder, type DynamicModule, type Provider } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { AdvisoryLockInspector } from './advisory-lock-inspector.js';
import { AdvisoryLockLifecycle } from './advisory-lock.lifecycle.js';
import {
  type AdvisoryLockModuleExtras,
  type AdvisoryLockModuleOptions,
  checkModuleOptions,
} from './advisory-lock.options.js';
import { AdvisoryLockService } from './advisory-lock.service.js';
import { DEFAULT_NAME, getAdvisoryLockToken } from '../locking/advisory-lock.tokens.js';
import { AdvisoryLockCronHistory } from '../jobs/records/cron-history.js';
import { TickLog } from '../jobs/run/tick-log.js';
import { RecordedJobs } from '../jobs/records/recorded-jobs.js';
import { addRunTimeJob } from '../jobs/run-time-job.js';
import { findPostgres } from './find-data-source.js';
import { findScheduler } from '../jobs/schedule/find-scheduler.js';
import { LeadershipMethods } from '../leadership/leadership-methods.js';
import { LockedProviders } from '../locking/locked-providers.js';
import {
  AdvisoryLockEvents,
  applicationNameOf,
  defaultInstanceName,
  KeyBook,
  LockConnections,
  LockTable,
  Transactions,
} from '../core/index.js';
import { EventEmitterBridge } from './event-emitter-bridge.js';
import { AdvisoryLockHealthIndicator } from './health/advisory-lock-health-indicator.js';
import { LockUnavailableFilter } from './http/lock-unavailable.filter.js';
import { AdvisoryLockTelemetry } from '../telemetry/advisory-lock-telemetry.js';
import { NameTemplates } from '../telemetry/name-templates.js';
import { Fleet } from '../fleet/fleet.js';

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
    name === DEFAULT_NAME
      ? [
          { provide: AdvisoryLockService, useExisting: token },
          {
            provide: AdvisoryLockCronHistory,
            inject: [token],
            useFactory: (service: AdvisoryLockService) => new AdvisoryLockCronHistory(service),
          },
          {
            provide: AdvisoryLockInspector,
            inject: [token],
            useFactory: (service: AdvisoryLockService) => new AdvisoryLockInspector(service),
          },
          {
            provide: AdvisoryLockHealthIndicator,
            inject: [token],
            useFactory: (service: AdvisoryLockService) => new AdvisoryLockHealthIndicator(service),
          },
        ]
      : [];
  return {
    ...definition,
    global: isGlobal,
    providers: [
      ...(definition.providers ?? []),
      {
        provide: LockConnections,
        inject: [MODULE_OPTIONS_TOKEN, ModuleRef],
        useFactory: (options: AdvisoryLockModuleOptions, moduleRef: ModuleRef) => {
          checkModuleOptions(options);
          return new LockConnections(() => findPostgres(moduleRef, options.dataSource).options, {
            ...options,
            overrides: options.connectionOptions,
            applicationName: applicationNameOf(
              options.instanceName ?? defaultInstanceName(),
              name === DEFAULT_NAME ? undefined : name,
            ),
          });
        },
      },
      {
        provide: LockTable,
        inject: [LockConnections, MODULE_OPTIONS_TOKEN],
        useFactory: (connections: LockConnections, options: AdvisoryLockModuleOptions) =>
          new LockTable(connections, options.maxLocalHandoffs),
      },
      {
        provide: KeyBook,
        // The connections check the options.
        inject: [MODULE_OPTIONS_TOKEN, LockConnections],
        useFactory: (options: AdvisoryLockModuleOptions) => new KeyBook(options),
      },
      {
        provide: Fleet,
        inject: [LockTable, KeyBook, MODULE_OPTIONS_TOKEN],
        useFactory: (
          table: LockTable,
          keys: KeyBook,
          { instanceName, joinsFleet }: AdvisoryLockModuleOptions,
        ) => new Fleet(table, keys, { instance: instanceName, isJoined: joinsFleet }),
      },
      { provide: AdvisoryLockEvents, useFactory: () => new AdvisoryLockEvents(name) },
      TickLog,
      {
        provide: Transactions,
        inject: [MODULE_OPTIONS_TOKEN, ModuleRef],
        useFactory: (options: AdvisoryLockModuleOptions, moduleRef: ModuleRef) =>
          new Transactions(() => findPostgres(moduleRef, options.dataSource)),
      },
      {
        provide: AdvisoryLockLifecycle,
        inject: [LockConnections, LockTable, Transactions, MODULE_OPTIONS_TOKEN],
        useFactory: (
          connections: LockConnections,
          table: LockTable,
          transactions: Transactions,
          options: AdvisoryLockModuleOptions,
        ) => new AdvisoryLockLifecycle(table, connections, transactions, options),
      },
      {
        provide: token,
        inject: [
          KeyBook,
          LockTable,
          Transactions,
          MODULE_OPTIONS_TOKEN,
          ModuleRef,
          Fleet,
          AdvisoryLockEvents,
          TickLog,
        ],
        useFactory: (
          keys: KeyBook,
          table: LockTable,
          transactions: Transactions,
          options: AdvisoryLockModuleOptions,
          moduleRef: ModuleRef,
          fleet: Fleet,
          events: AdvisoryLockEvents,
          ticks: TickLog,
        ) => {
          const { httpStatus, exposeLockName, warnAfterTicks } = options;
          const http = {
            ...(httpStatus !== undefined && { httpStatus }),
            ...(exposeLockName !== undefined && { exposeLockName }),
          };
          const jobs = { findScheduler: () => findScheduler(moduleRef), add: addRunTimeJob };
          return new AdvisoryLockService(keys, table, http, transactions, jobs, {
            fleet,
            events,
            ticks,
            warnAfterTicks,
          });
        },
      },
      ...byClass,
      {
        provide: LockedProviders,
        inject: [DiscoveryService, ModuleRef, KeyBook, TickLog],
        useFactory: (discovery: DiscoveryService, moduleRef: ModuleRef, keys: KeyBook, ticks: TickLog) =>
          new LockedProviders(discovery, moduleRef, token, keys, ticks),
      },
      {
        provide: LeadershipMethods,
        inject: [DiscoveryService, ModuleRef, token],
        useFactory: (discovery: DiscoveryService, moduleRef: ModuleRef, service: AdvisoryLockService) =>
          new LeadershipMethods(discovery, moduleRef, token, service),
      },
      {
        provide: RecordedJobs,
        inject: [DiscoveryService, token],
        useFactory: (discovery: DiscoveryService, service: AdvisoryLockService) =>
          new RecordedJobs(discovery, service, token),
      },
      {
        provide: EventEmitterBridge,
        inject: [AdvisoryLockEvents, ModuleRef],
        useFactory: (events: AdvisoryLockEvents, moduleRef: ModuleRef) =>
          new EventEmitterBridge(events, moduleRef),
      },
      {
        provide: AdvisoryLockTelemetry,
        inject: [AdvisoryLockEvents, LockTable, KeyBook, MODULE_OPTIONS_TOKEN],
        useFactory: (
          events: AdvisoryLockEvents,
          table: LockTable,
          keys: KeyBook,
          { telemetry }: AdvisoryLockModuleOptions,
        ) =>
          new AdvisoryLockTelemetry(events, table, new NameTemplates((lockName) => keys.isKept(lockName)), {
            telemetry,
            common: name === DEFAULT_NAME ? {} : { 'advisory_lock.connection': name },
          }),
      },
      LockUnavailableFilter,
    ],
    // Of a module with a name, the events are those of its service.
    exports: [token, ...byClass, ...(name === DEFAULT_NAME ? [AdvisoryLockEvents] : [])],
  };
}
