import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import {
  applicationNameOf,
  defaultInstanceName,
  LockEngine,
  type LockEngineOptions,
  type LockTable,
  type PostgresOptions,
} from '../../lib/core/index.js';
import { fleetChannels } from '../../lib/fleet/channels.js';
import { DeadlockMonitor } from '../../lib/fleet/deadlock-monitor.js';
import { Fleet } from '../../lib/fleet/fleet.js';
import { JobRuntime } from '../../lib/jobs/job-runtime.js';
import { recordsInDataSource } from '../../lib/jobs/records/record-database.js';
import { RunTimeJobs } from '../../lib/jobs/run-time-jobs.js';
import { TickLog } from '../../lib/jobs/run/tick-log.js';
import { Leaderships } from '../../lib/leadership/leaderships.js';
import { dataSourceDatabase } from '../../lib/lease/application-database.js';
import { Leases } from '../../lib/lease/leases.js';
import { OnceRuns } from '../../lib/lease/once/once-runs.js';
import { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import type { Features } from '../../lib/nest/features.js';
import { ShareGroups } from '../../lib/shares/share-groups.js';
import { BodySpans } from '../../lib/telemetry/body-spans.js';

/** `npm run matrix` runs tests where it is not installed. */
const typeorm = await import('typeorm').catch(() => undefined);

/** What a module is made of, without Nest: to the database, each is a process of its own. */
export interface Locks {
  readonly service: AdvisoryLockService;
  readonly features: Features;
  readonly engine: LockEngine;
  readonly table: LockTable;
  readonly fleet: Fleet;
  close(graceMs?: number): Promise<void>;
}

export interface LocksOptions extends Omit<
  LockEngineOptions,
  'applicationName' | 'database' | 'dataSource' | 'channelsOf' | 'aroundBody'
> {
  readonly instanceName?: string;
  readonly joinsFleet?: boolean;
  readonly fleetSecret?: string | readonly string[];
}

/** For a process in which there is no Jest that could close it; see `createLocks`. */
export function openLocks(
  options: string | PostgresOptions,
  locksOptions: LocksOptions = {},
  dataSource?: DataSource,
): Locks {
  const database: PostgresOptions =
    typeof options === 'string' ? { type: 'postgres', url: options } : options;
  const { instanceName: instance = defaultInstanceName(), joinsFleet: isJoined = true } = locksOptions;
  const findDataSource = (): DataSource => dataSource ?? newDataSource(database);
  const bodySpans = new BodySpans();
  const engine = LockEngine.open({
    ...locksOptions,
    database: () => database,
    dataSource: findDataSource,
    applicationName: applicationNameOf(instance),
    createLog: (context) => new Logger(context),
    aroundBody: bodySpans,
    channelsOf: isJoined ? fleetChannels : undefined,
  });
  const fleet = new Fleet(engine, { instance, isJoined, secret: locksOptions.fleetSecret });
  new DeadlockMonitor(engine, fleet).start();
  const leaderships = new Leaderships(engine);
  const jobs = new JobRuntime({
    engine,
    fleet,
    ticks: new TickLog(),
    findSchedulers: () => [],
    recordDatabase: recordsInDataSource(findDataSource),
    isLeader: (name) => leaderships.isLeader(name),
    findStorages: () => [],
  });
  const applicationDatabase = dataSourceDatabase(findDataSource);
  const leases = new Leases(engine, applicationDatabase, instance);
  engine.locks.guardBy(leases.lockGuard);
  const features = {
    engine,
    fleet,
    jobs,
    runTimeJobs: new RunTimeJobs(jobs),
    leaderships,
    leases,
    onceRuns: new OnceRuns(engine, applicationDatabase, instance),
    shareGroups: new ShareGroups(engine),
    bodySpans,
  };
  return {
    service: new AdvisoryLockService(features),
    features,
    engine,
    table: engine.table,
    fleet,
    close: async (graceMs = 0) => {
      await Promise.all([engine.close(graceMs), leases.close(graceMs)]);
    },
  };
}

function newDataSource(options: PostgresOptions): DataSource {
  if (typeorm === undefined) throw new Error('TypeORM is not installed.');
  return new typeorm.DataSource(options);
}
