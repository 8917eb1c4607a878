import { ConfigurableModuleBuilder, type DynamicModule, type Provider, type Type } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { AdvisoryLockEvents, DEFAULT_NAME } from '../core/index.js';
import type { ExclusiveJob } from '../jobs/exclusive-job.metadata.js';
import { JobProviders } from '../jobs/job-providers.js';
import { switchOf } from '../jobs/job-switch.js';
import { RecordedJobs } from '../jobs/records/recorded-jobs.js';
import { findScheduleOptions } from '../jobs/schedule/find-schedule-options.js';
import { LeadershipMethods } from '../leadership/leadership-methods.js';
import { getAdvisoryLockToken } from '../locking/advisory-lock.tokens.js';
import { LockedProviders } from '../locking/locked-providers.js';
import { ProviderScan } from '../locking/provider-scan.js';
import { ShareMethods } from '../shares/share-methods.js';
import { AdvisoryLockTelemetry } from '../telemetry/advisory-lock-telemetry.js';
import { NameTemplates } from '../telemetry/name-templates.js';
import { AdvisoryLockCronHistory } from './advisory-lock-cron-history.js';
import { AdvisoryLockInspector } from './advisory-lock-inspector.js';
import { AdvisoryLockJobs } from './advisory-lock-jobs.js';
import { AdvisoryLockLifecycle } from './advisory-lock.lifecycle.js';
import type { AdvisoryLockModuleExtras, AdvisoryLockModuleOptions } from './advisory-lock.options.js';
import { AdvisoryLockService } from './advisory-lock.service.js';
import { providersOfCopies, shareClass } from './class-copies.js';
import { createFeatures } from './create-features.js';
import { EventEmitterBridge } from './event-emitter-bridge.js';
import { type FeatureHost, FEATURES, type Features, getFeaturesToken } from './features.js';
import { AdvisoryLockHealthIndicator } from './health/advisory-lock-health-indicator.js';
import { LOCK_DOUBLE, type LockDouble } from './lock-double.js';
import { databaseInMemory, type ModuleDatabase, moduleDatabase } from './module-database.js';
import { LockUnavailableFilter } from './transports/lock-unavailable.filter.js';

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<AdvisoryLockModuleOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createAdvisoryLockOptions')
    .setExtras<AdvisoryLockModuleExtras>({ name: DEFAULT_NAME, isGlobal: true }, withProviders)
    .build();

function withProviders(definition: DynamicModule, extras: AdvisoryLockModuleExtras): DynamicModule {
  const { name = DEFAULT_NAME, isGlobal = true } = extras;
  const token = getAdvisoryLockToken(name);
  const features = getFeaturesToken(name);
  const byClass = name === DEFAULT_NAME ? providersByClass(token, features) : [];
  const copies = (): Provider[] =>
    byClass.length === 0
      ? []
      : INJECTED_CLASSES.flatMap(([injected, own]) => providersOfCopies(injected, own));
  const providers: Provider[] = [
    ...(definition.providers ?? []),
    {
      provide: features,
      inject: [MODULE_OPTIONS_TOKEN, ModuleRef, DiscoveryService, { token: LOCK_DOUBLE, optional: true }],
      useFactory: (
        options: AdvisoryLockModuleOptions,
        moduleRef: ModuleRef,
        discovery: DiscoveryService,
        double: LockDouble | undefined,
      ): FeatureHost => {
        const findDatabase = (instance: string): ModuleDatabase =>
          double === undefined
            ? moduleDatabase(options, instance, moduleRef, discovery)
            : databaseInMemory(double.engineOptions.dataSource);
        return { [FEATURES]: createFeatures(name, options, moduleRef, findDatabase, double) };
      },
    },
    from(features, token, (parts) => new AdvisoryLockService(parts)),
    ...byClass,
    ...startUpProviders(token, features),
    {
      provide: AdvisoryLockTelemetry,
      inject: [features, MODULE_OPTIONS_TOKEN],
      useFactory: (
        { [FEATURES]: { engine, bodySpans, fleet, leaderships, leases, jobs } }: FeatureHost,
        { telemetry }: AdvisoryLockModuleOptions,
      ) => {
        const templates = new NameTemplates((lockName) => engine.keys.isPinned(lockName));
        const common = name === DEFAULT_NAME ? {} : { 'advisory_lock.connection': name };
        return new AdvisoryLockTelemetry(
          engine.events,
          bodySpans,
          engine,
          templates,
          { telemetry, common },
          { fleet, leaderships, leases, jobs: jobs.known },
        );
      },
    },
    {
      provide: AdvisoryLockLifecycle,
      inject: [features, MODULE_OPTIONS_TOKEN],
      useFactory: (
        { [FEATURES]: { engine, jobs, leases } }: FeatureHost,
        options: AdvisoryLockModuleOptions,
      ) => new AdvisoryLockLifecycle(engine, leases, options, name, jobs.records),
    },
    LockUnavailableFilter,
  ];
  return {
    ...definition,
    global: isGlobal,
    // `overrideModule()` of Nest compares by identity, so a test can replace the class alone. It is empty.
    imports: [...(definition.imports ?? []), definition.module],
    // When Nest reads them the application has been loaded, with all copies of this package that it uses.
    get providers() {
      return [...providers, ...copies()];
    },
    get exports() {
      return [token, features, ...byClass, ...copies()];
    },
  };
}

/** The classes by which what belongs to the default module is injected. */
const INJECTED_CLASSES = Object.entries({
  AdvisoryLockService,
  AdvisoryLockEvents,
  AdvisoryLockCronHistory,
  AdvisoryLockInspector,
  AdvisoryLockJobs,
  AdvisoryLockHealthIndicator,
}) as unknown as [name: string, injected: Type][];

for (const [name, injected] of INJECTED_CLASSES) shareClass(name, injected);

/** Only what belongs to the default module can be injected by its class. */
function providersByClass(token: symbol, features: symbol): Provider[] {
  return [
    { provide: AdvisoryLockService, useExisting: token },
    from(features, AdvisoryLockEvents, ({ engine }) => engine.events),
    fromHost(features, AdvisoryLockCronHistory),
    fromHost(features, AdvisoryLockInspector),
    fromHost(features, AdvisoryLockJobs),
    fromHost(features, AdvisoryLockHealthIndicator),
  ];
}

/** What inspects the providers of the application when it starts. */
function startUpProviders(token: symbol, features: symbol): Provider[] {
  return [
    {
      provide: ProviderScan,
      inject: [DiscoveryService],
      useFactory: (discovery: DiscoveryService) => new ProviderScan(discovery),
    },
    {
      provide: LockedProviders,
      inject: [ProviderScan, ModuleRef, features],
      useFactory: (scan: ProviderScan, moduleRef: ModuleRef, { [FEATURES]: { engine } }: FeatureHost) =>
        new LockedProviders(scan, moduleRef, token, engine.keys),
    },
    {
      provide: JobProviders,
      inject: [ProviderScan, features, ModuleRef],
      useFactory: (scan: ProviderScan, { [FEATURES]: { jobs } }: FeatureHost, moduleRef: ModuleRef) =>
        new JobProviders(scan, token, jobs, () => findScheduleOptions(moduleRef)),
    },
    {
      provide: RecordedJobs,
      inject: [ProviderScan, features],
      useFactory: (scan: ProviderScan, { [FEATURES]: { jobs } }: FeatureHost) =>
        new RecordedJobs(scan, token, jobs),
    },
    {
      provide: LeadershipMethods,
      inject: [ProviderScan, features, ModuleRef],
      useFactory: (
        scan: ProviderScan,
        { [FEATURES]: { jobs, leaderships } }: FeatureHost,
        moduleRef: ModuleRef,
      ) => {
        const isTimed = (job: ExclusiveJob): boolean =>
          jobs.schedulers.length > 0 && switchOf(job, findScheduleOptions(moduleRef)) === undefined;
        return new LeadershipMethods(scan, token, leaderships, isTimed);
      },
    },
    {
      provide: ShareMethods,
      inject: [ProviderScan, features],
      useFactory: (scan: ProviderScan, { [FEATURES]: { shareGroups } }: FeatureHost) =>
        new ShareMethods(scan, token, shareGroups),
    },
    {
      provide: EventEmitterBridge,
      inject: [features, ModuleRef, DiscoveryService],
      useFactory: (
        { [FEATURES]: { engine } }: FeatureHost,
        moduleRef: ModuleRef,
        discovery: DiscoveryService,
      ) => new EventEmitterBridge(engine.events, moduleRef, discovery),
    },
  ];
}

/** A provider that needs the features alone. */
function from<T>(
  features: symbol,
  provide: symbol | (abstract new (...args: never[]) => T),
  make: (features: Features) => T,
): Provider {
  return { provide, inject: [features], useFactory: (host: FeatureHost) => make(host[FEATURES]) } as Provider;
}

/** A provider whose class takes a service or, in its place, the features. */
function fromHost<T>(features: symbol, provide: new (host: FeatureHost) => T): Provider {
  return { provide, inject: [features], useFactory: (host: FeatureHost) => new provide(host) };
}
