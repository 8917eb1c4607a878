import type { ModuleRef } from '@nestjs/core';
import { applicationNameOf, DEFAULT_NAME, defaultInstanceName, LockEngine } from '../core/index.js';
import { fleetChannels } from '../fleet/channels.js';
import { Fleet } from '../fleet/fleet.js';
import { JobRuntime } from '../jobs/job-runtime.js';
import { RunTimeJobs } from '../jobs/run-time-jobs.js';
import { TickLog } from '../jobs/run/tick-log.js';
import { findSchedulers } from '../jobs/schedule/find-schedulers.js';
import { Leaderships } from '../leadership/leaderships.js';
import { BodySpans } from '../telemetry/body-spans.js';
import { type AdvisoryLockModuleOptions, checkModuleOptions } from './advisory-lock.options.js';
import type { Features } from './features.js';
import { findPostgres } from './find-data-source.js';
import { moduleLogs } from './module-log.js';

/** Makes the parts of one configured module. Throws `LOCK_CONFIGURATION` for invalid options. */
export function createFeatures(
  name: string,
  given: AdvisoryLockModuleOptions,
  moduleRef: ModuleRef,
): Features {
  const options = checkModuleOptions(given);
  const {
    instanceName: instance = defaultInstanceName(),
    joinsFleet = true,
    warnAfterTicks,
    httpStatus,
    exposeLockName,
  } = options;
  const ticks = new TickLog();
  const bodySpans = new BodySpans();
  const findDataSource = () => findPostgres(moduleRef, options.dataSource);
  const engine = LockEngine.open({
    ...options,
    name,
    database: () => findDataSource().options,
    dataSource: findDataSource,
    applicationName: applicationNameOf(instance, name === DEFAULT_NAME ? undefined : name),
    http: {
      ...(httpStatus !== undefined && { httpStatus }),
      ...(exposeLockName !== undefined && { exposeLockName }),
    },
    createLog: moduleLogs(
      name,
      () => databaseOf(options.connectionOptions) ?? databaseOf(findDataSource().driver),
    ),
    aroundBody: bodySpans,
    channelsOf: joinsFleet ? fleetChannels : undefined,
  });
  const fleet = new Fleet(engine, {
    instance,
    isJoined: joinsFleet,
    reportJobs: () => ticks.report(findSchedulers(moduleRef)),
  });
  const leaderships = new Leaderships(engine);
  const jobs = new JobRuntime({
    engine,
    fleet,
    ticks,
    findSchedulers: () => findSchedulers(moduleRef),
    findDataSource,
    isLeader: (leadership) => leaderships.isLeader(leadership),
    warnAfterTicks,
  });
  return { engine, fleet, jobs, runTimeJobs: new RunTimeJobs(jobs), leaderships, bodySpans };
}

/** The name of the database in connection options, or that TypeORM's driver has found out. */
function databaseOf(source: object | undefined): string | undefined {
  const { database, url } = (source ?? {}) as { readonly database?: unknown; readonly url?: unknown };
  if (typeof database === 'string') return database;
  if (typeof url !== 'string' || !URL.canParse(url)) return undefined;
  return decodeURIComponent(new URL(url).pathname.slice(1)) || undefined;
}
