import { AsyncLocalStorage } from 'node:async_hooks';
import type { ModuleRef } from '@nestjs/core';
import {
  applicationNameOf,
  DEFAULT_NAME,
  defaultInstanceName,
  type LeaseGuard,
  LockEngine,
} from '../core/index.js';
import { fleetChannels } from '../fleet/channels.js';
import { DeadlockMonitor } from '../fleet/deadlock-monitor.js';
import { Fleet } from '../fleet/fleet.js';
import { JobRuntime } from '../jobs/job-runtime.js';
import { RunTimeJobs } from '../jobs/run-time-jobs.js';
import { TickLog } from '../jobs/run/tick-log.js';
import { findAll } from '../jobs/schedule/find-all.js';
import { findSchedulers } from '../jobs/schedule/find-schedulers.js';
import { Leaderships } from '../leadership/leaderships.js';
import { Leases } from '../lease/leases.js';
import { OnceRuns } from '../lease/once/once-runs.js';
import { ShareGroups } from '../shares/share-groups.js';
import { BodySpans } from '../telemetry/body-spans.js';
import { type AdvisoryLockModuleOptions, checkModuleOptions } from './advisory-lock.options.js';
import type { Features } from './features.js';
import type { LockDouble } from './lock-double.js';
import type { ModuleDatabase } from './module-database.js';
import { moduleLogs } from './module-log.js';

/** For a test without a server, in which there are no leases. */
const NO_LEASES: LeaseGuard = { takeUnleased: (_name, options, { take }) => take(options) };

/** Makes the parts of one configured module. Throws `LOCK_CONFIGURATION` for invalid options. */
export function createFeatures(
  name: string,
  given: AdvisoryLockModuleOptions,
  moduleRef: ModuleRef,
  findDatabase: (instance: string) => ModuleDatabase,
  double?: LockDouble,
): Features {
  const options = checkModuleOptions(given);
  const {
    instanceName: instance = defaultInstanceName(),
    joinsFleet = true,
    fleetSecret,
    warnAfterTicks,
    httpStatus,
    exposeLockName,
  } = options;
  const ticks = new TickLog();
  const bodySpans = new BodySpans();
  const database = findDatabase(instance);
  const engine = LockEngine.open({
    ...options,
    name,
    database: database.find,
    dataSource: database.findDataSource,
    applicationName: applicationNameOf(instance, name === DEFAULT_NAME ? undefined : name),
    http: {
      ...(httpStatus !== undefined && { httpStatus }),
      ...(exposeLockName !== undefined && { exposeLockName }),
    },
    createLog: moduleLogs(name, database.findName),
    aroundBody: bodySpans,
    channelsOf: joinsFleet ? fleetChannels : undefined,
    connections: double?.engineOptions.connections,
  });
  const fleet = new Fleet(engine, {
    instance,
    isJoined: joinsFleet,
    reportJobs: () => ticks.report(findSchedulers(moduleRef)),
    secret: fleetSecret,
  });
  new DeadlockMonitor(engine, fleet).start();
  const leaderships = new Leaderships(engine);
  const jobs = new JobRuntime({
    engine,
    fleet,
    ticks,
    findSchedulers: () => findSchedulers(moduleRef),
    recordDatabase: database.records,
    isLeader: (leadership) => leaderships.isLeader(leadership),
    findStorages: () => findAll<AsyncLocalStorage<unknown>>(moduleRef, AsyncLocalStorage),
    warnAfterTicks,
  });
  const leases = new Leases(engine, database.tables, instance);
  engine.locks.guardBy(double === undefined ? leases.lockGuard : NO_LEASES);
  const made = {
    engine,
    fleet,
    jobs,
    runTimeJobs: new RunTimeJobs(jobs),
    leaderships,
    leases,
    onceRuns: new OnceRuns(engine, database.tables, instance),
    shareGroups: new ShareGroups(engine),
    bodySpans,
  };
  double?.opened(name, made);
  return made;
}
