import type { AsyncLocalStorage } from 'node:async_hooks';
import type { SchedulerRegistry } from '@nestjs/schedule';
import type { LockLog, LockName, LockRuntime } from '../core/index.js';
import type { Fleet } from '../fleet/fleet.js';
import { Cancellations } from './control/cancellations.js';
import { JobPauses } from './control/job-pauses.js';
import { KnownJobs } from './control/known-jobs.js';
import { OnDemandRuns } from './control/on-demand-runs.js';
import type { RecordDatabase } from './records/record-database.js';
import { RunRecords } from './records/run-records.js';
import { JobHistory } from './history/job-history.js';
import { hasRunTables, readRuns, type RunFilter, type StoredRun } from './history/read-runs.js';
import { MissedTicks } from './missed/missed-ticks.js';
import { JobOutage } from './run/job-outage.js';
import { StarvedJobMonitor } from './run/starved-job-monitor.js';
import type { TickLog } from './run/tick-log.js';
import { Turns } from './run/turns.js';
import { UnfiredTicks } from './schedule/unfired-ticks.js';

const DEFAULT_WARN_AFTER_TICKS = 3;

export interface JobRuntimeParts {
  readonly engine: LockRuntime;
  readonly fleet: Fleet;
  readonly ticks: TickLog;
  readonly findSchedulers: () => readonly SchedulerRegistry[];
  /** Where the runs of jobs with `tick: 'record'` are recorded. */
  readonly recordDatabase: RecordDatabase;
  /** Whether this process has the leadership of that name. */
  readonly isLeader: (name: LockName) => boolean;
  /** What the application provides as `AsyncLocalStorage`. */
  readonly findStorages: () => readonly AsyncLocalStorage<unknown>[];
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
  /** The jobs of this instance, for those that operate them. */
  readonly known = new KnownJobs();
  /** Runs jobs on demand. */
  readonly onDemand: OnDemandRuns;
  /** Which jobs are paused. */
  readonly pauses: JobPauses;
  /** Warns of jobs that do not run in any instance. */
  readonly starvedJobs: StarvedJobMonitor;
  /** Runs the ticks that `cron` leaves out. */
  readonly unfiredTicks: UnfiredTicks;
  /** Cancels runs of jobs with `overlap: 'cancel'`. */
  readonly cancellations: Cancellations;
  /** Which instance runs intervals that count from the end of a run. */
  readonly turns: Turns;
  /** The runs of jobs with `historyMs`. */
  readonly history: JobHistory;
  /** Reports ticks that ran nowhere. */
  readonly missedTicks: MissedTicks;
  /** Logs that jobs do not run while the database is away. */
  readonly outage: JobOutage;

  constructor(private readonly parts: JobRuntimeParts) {
    const { engine, fleet, ticks, recordDatabase, warnAfterTicks = DEFAULT_WARN_AFTER_TICKS } = parts;
    this.engine = engine;
    this.log = engine.createLog('AdvisoryLock');
    this.ticks = ticks;
    this.records = new RunRecords(engine, recordDatabase, fleet.instance);
    this.pauses = new JobPauses(engine, recordDatabase, fleet.instance);
    const { instance, messages } = fleet;
    const { known } = this;
    this.onDemand = new OnDemandRuns({ engine, messages, known, instance, isLeader: parts.isLeader });
    this.starvedJobs = new StarvedJobMonitor(fleet, ticks, () => this.schedulers, warnAfterTicks, this.log);
    this.unfiredTicks = new UnfiredTicks(() => this.schedulers);
    this.outage = new JobOutage(this.log, () => ticks.methods);
    this.missedTicks = new MissedTicks({
      engine,
      log: this.log,
      fleet,
      known,
      ticks,
      pauses: this.pauses,
      records: this.records,
      findSchedulers: () => this.schedulers,
    });
    this.cancellations = new Cancellations(engine, messages);
    this.turns = new Turns(engine, this.outage);
    this.history = new JobHistory(engine, recordDatabase, instance);
  }

  /** Whether the database has a table with runs. */
  hasRunTables(): Promise<boolean> {
    return hasRunTables(this.parts.recordDatabase);
  }

  /** The newest runs of a job, of the history and of the records. */
  readRuns(name: LockName, filter: RunFilter): Promise<StoredRun[]> {
    return readRuns(this.parts.recordDatabase, this.engine.keys.fullNameOf(name), filter);
  }

  /** The timers that call the jobs of the application: one for each `ScheduleModule`. */
  get schedulers(): readonly SchedulerRegistry[] {
    return this.parts.findSchedulers();
  }

  /** What the application keeps with asynchronous calls, such as traces. */
  get storages(): readonly AsyncLocalStorage<unknown>[] {
    return this.parts.findStorages();
  }

  isLeader(name: LockName): boolean {
    return this.parts.isLeader(name);
  }
}
