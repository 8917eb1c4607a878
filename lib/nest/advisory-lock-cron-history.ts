import {
  checkOptions,
  describeNames,
  LockConfigurationError,
  type LockName,
  oneOf,
  type OptionRule,
  type OptionRules,
  wholeNumber,
} from '../core/index.js';
import type { StoredRun } from '../jobs/history/read-runs.js';
import type { JobRuntime } from '../jobs/job-runtime.js';
import { listNames } from '../jobs/run/list-names.js';
import type { AdvisoryLockService } from './advisory-lock.service.js';
import { type FeatureHost, FEATURES } from './features.js';

const DEFAULT_LIMIT = 100;
const MAX_RUNS = 10_000;

const aDate: OptionRule = [
  (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  'a valid Date',
];

const runsRules: OptionRules = {
  limit: wholeNumber(1, MAX_RUNS),
  trigger: oneOf('schedule', 'manual'),
  outcome: oneOf('running', 'done', 'failed', 'died'),
  from: aDate,
  to: aDate,
};

/**
 * Which runs {@link AdvisoryLockCronHistory.runs} resolves to.
 *
 * @example
 * ```ts
 * const failed = await history.runs('Reports.daily', { outcome: 'failed', from: new Date('2027-01-01') });
 * ```
 */
export interface RunsOptions {
  /**
   * How many runs at most, from 1 to 10000.
   * @default 100
   */
  readonly limit?: number;
  /**
   * Only runs of the schedule, or only those of `runNow()`.
   * @default both
   */
  readonly trigger?: 'schedule' | 'manual';
  /**
   * Only runs in this state.
   * @default all
   */
  readonly outcome?: AdvisoryLockCronRun['state'];
  /**
   * Only runs that were due at this instant or later.
   * @default the oldest
   */
  readonly from?: Date;
  /**
   * Only runs that were due at this instant or earlier.
   * @default the newest
   */
  readonly to?: Date;
}

/**
 * A run of a job with `tick: 'record'`, or an attempt of a run of a job with `historyMs`.
 *
 * @example
 * ```ts
 * const run = await history.last('Reports.daily');
 * if (run?.state === 'failed') logger.warn(`${run.tickAt.toISOString()}: ${run.error}`);
 * ```
 */
export interface AdvisoryLockCronRun {
  /** The name of the job's lock, without the namespace, as {@link AdvisoryLockCronHistory.runs} takes it. */
  readonly job: string;
  /** The instant at which it was due; of a timeout and of `runNow()`, when it began. */
  readonly tickAt: Date;
  /** Whether its schedule or `runNow()` has called. */
  readonly trigger: 'schedule' | 'manual';
  /** Which attempt of the run it is, from 1, where its attempts are kept. */
  readonly attempt: number;
  /** The `instanceName` of the module that ran it; by default the host and the process, `web-1:4711`. */
  readonly instance: string;
  /** When it started, by the clock of the server. */
  readonly startedAt: Date;
  /** When it ended, by the clock of the server; missing for `'running'` and `'died'`. */
  readonly endedAt?: Date;
  /**
   * `'running'`: it has not ended. `'died'`: its end was never recorded, and its instance, or the lock
   * connection of the instance, is gone. A lock that the instance holds during the run decides this, not a
   * timeout.
   */
  readonly state: 'running' | 'done' | 'failed' | 'died';
  /** The error that it threw, as text; missing when it threw none. */
  readonly error?: string;
}

/**
 * Reads the records of jobs with `tick: 'record'`, and the history of jobs with `historyMs`. Inject it by its
 * class; for a module with a `name`, make one with its service.
 *
 * @example
 * ```ts
 * constructor(private readonly history: AdvisoryLockCronHistory) {}
 *
 * async isHealthy(): Promise<boolean> {
 *   const last = await this.history.last('Reports.daily');
 *   return last?.state === 'done' && Date.now() - last.tickAt.getTime() < 25 * 3_600_000;
 * }
 *
 * new AdvisoryLockCronHistory(archiveLocks); // of @InjectAdvisoryLock('archive')
 * ```
 */
export class AdvisoryLockCronHistory {
  private readonly jobs: JobRuntime;

  constructor(locks: AdvisoryLockService);
  /** @internal */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the published types leave it out
  constructor(host: FeatureHost);
  constructor({ [FEATURES]: { jobs } }: FeatureHost) {
    this.jobs = jobs;
  }

  /**
   * Resolves to the newest runs of a job, the newest first. Each attempt of a job with `historyMs` is one;
   * otherwise each tick of a job with `tick: 'record'`.
   *
   * @param job - the name of its lock, without the namespace: `'Reports.daily'` unless the option `lock` says
   * otherwise.
   * @param options - which runs, and how many at most.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or option, and for a
   * job that neither this instance records nor the tables have a run of; {@link LockConnectionError}
   * (`LOCK_CONNECTION`) when the state of a run cannot be queried; the error of TypeORM, or of node-postgres
   * without TypeORM, when the table cannot be read.
   */
  async runs(job: LockName, options: RunsOptions = {}): Promise<AdvisoryLockCronRun[]> {
    const { limit = DEFAULT_LIMIT, trigger, outcome, from, to } = checkOptions(options, runsRules, 'runs()');
    const isOpen = outcome === 'running' || outcome === 'died';
    const stored = await this.jobs.readRuns(job, {
      trigger,
      outcome: isOpen ? null : outcome,
      fromMs: from?.getTime(),
      untilMs: to?.getTime(),
      // Of those without an end, only the locks say which are running.
      limit: isOpen ? MAX_RUNS : limit,
    });
    if (stored.length === 0) await this.refuseUnknown(job);
    const runs = await Promise.all(stored.map((run) => this.withState(job, run)));
    return isOpen ? runs.filter(({ state }) => state === outcome).slice(0, limit) : runs;
  }

  /**
   * Resolves to the run of the newest tick; `undefined` when there is none.
   *
   * @param job - the name of its lock, as for {@link AdvisoryLockCronHistory.runs}.
   * @throws {@link LockConfigurationError}, {@link LockConnectionError} as
   * {@link AdvisoryLockCronHistory.runs}.
   */
  async last(job: LockName): Promise<AdvisoryLockCronRun | undefined> {
    return (await this.runs(job, { limit: 1 }))[0];
  }

  /** An empty list would say of a misspelled job that it has not run. */
  private async refuseUnknown(name: LockName): Promise<void> {
    const { records, history } = this.jobs;
    const job = describeNames(name);
    const jobNames = [...new Set([...records.jobNames, ...history.jobNames])];
    if (jobNames.includes(job) || (await this.jobs.readRuns(name, { limit: 1 })).length > 0) return;
    const known =
      jobNames.length === 0
        ? "no job with tick: 'record' or `historyMs`"
        : `the recorded jobs ${listNames(jobNames.map((each) => `"${each}"`))}`;
    throw new LockConfigurationError(
      `runs() needs the name of the lock of a recorded job, without the namespace, received "${job}", of ` +
        `which there is no record. This instance has ${known}.`,
      { lockName: job },
    );
  }

  private async withState(job: LockName, run: StoredRun): Promise<AdvisoryLockCronRun> {
    const name = describeNames(job);
    if (run.outcome !== null) return shown(name, run, run.outcome);
    if (await this.isRunning(job, run)) return shown(name, run, 'running');
    // It may have ended since it was read: its end is recorded before its lock is released.
    const at = { fromMs: run.atMs, untilMs: run.atMs, limit: MAX_RUNS };
    const again = (await this.jobs.readRuns(job, at)).find(({ id }) => id === run.id) ?? run;
    return shown(name, again, again.outcome ?? 'died');
  }

  private isRunning(job: LockName, { id, atMs }: StoredRun): Promise<boolean> {
    const { records, history } = this.jobs;
    return id === null ? records.isRunning(job, atMs) : history.isRunning(job, id);
  }
}

function shown(
  job: string,
  { atMs, trigger, attempt, instance, startedMs, endedMs, error }: StoredRun,
  state: AdvisoryLockCronRun['state'],
): AdvisoryLockCronRun {
  return {
    job,
    tickAt: new Date(atMs),
    trigger,
    attempt,
    instance,
    startedAt: new Date(startedMs),
    ...(endedMs !== null && { endedAt: new Date(endedMs) }),
    state,
    ...(error !== null && { error }),
  };
}
