import type { SchedulerRegistry } from '@nestjs/schedule';
import type { DataSource } from 'typeorm';
import type { LockLog, LockName, LockRuntime } from '../core/index.js';
import type { Fleet } from '../fleet/fleet.js';
import { RunRecords } from './records/run-records.js';
import { JobOutage } from './run/job-outage.js';
import { StarvedJobMonitor } from './run/starved-job-monitor.js';
import type { TickLog } from './run/tick-log.js';

const DEFAULT_WARN_AFTER_TICKS = 3;

export interface JobRuntimeParts {
  readonly engine: LockRuntime;
  readonly fleet: Fleet;
  readonly ticks: TickLog;
  readonly findScheduler: () => SchedulerRegistry | undefined;
  readonly findDataSource: () => DataSource;
  /** Whether this process has the leadership of that name. */
  readonly isLeader: (name: LockName) => boolean;
  readonly warnAfterTicks?: number | undefined;
}

/** What the jobs of one configured module use. */
export class JobRuntime {
  readonly engine: LockRuntime;
  readonly log: LockLog;
  /** The jobs of this instance, and the outcomes of their latest ticks here. */
  readonly ticks: TickLog;
  /** The runs of jobs with `tick: 'record'`. */
  readonly records: RunRecords;
  /** Warns of jobs that do not run in any instance. */
  readonly starvedJobs: StarvedJobMonitor;
  /** Logs that jobs do not run while the database is away. */
  readonly outage: JobOutage;

  constructor(private readonly parts: JobRuntimeParts) {
    const { engine, fleet, ticks, findDataSource, warnAfterTicks = DEFAULT_WARN_AFTER_TICKS } = parts;
    this.engine = engine;
    this.log = engine.createLog('AdvisoryLock');
    this.ticks = ticks;
    this.records = new RunRecords(engine, findDataSource, fleet.instance);
    this.starvedJobs = new StarvedJobMonitor(fleet, ticks, () => this.scheduler, warnAfterTicks, this.log);
    this.outage = new JobOutage(this.log, () => ticks.methods);
  }

  /** The timers that call the jobs of the application, when there are any. */
  get scheduler(): SchedulerRegistry | undefined {
    return this.parts.findScheduler();
  }

  isLeader(name: LockName): boolean {
    return this.parts.isLeader(name);
  }
}
