import {
  checkOptions,
  describeNames,
  type LockName,
  type OptionRules,
  type WaitOptions,
  waitRules,
} from '../core/index.js';
import { isActive } from '../jobs/control/job-pauses.js';
import type { KnownJob } from '../jobs/control/known-jobs.js';
import type { JobRuntime } from '../jobs/job-runtime.js';
import type { AdvisoryLockService } from './advisory-lock.service.js';
import { type FeatureHost, FEATURES } from './features.js';

const MAX_REASON_LENGTH = 1_000;

const pauseRules: OptionRules = {
  reason: [
    (value) => typeof value === 'string' && value.length <= MAX_REASON_LENGTH && !value.includes('\0'),
    `a string of at most ${MAX_REASON_LENGTH} characters`,
  ],
  until: [(value) => value instanceof Date && !Number.isNaN(value.getTime()), 'a valid Date'],
};

/**
 * Why and for how long a job is paused.
 *
 * @example
 * ```ts
 * await jobs.pause('Reports.daily', { reason: 'the printer is away', until: new Date('2027-01-04T06:00Z') });
 * ```
 */
export interface PauseOptions {
  /**
   * Why, for those that see that the job does not run: at most 1000 characters.
   * @default none
   */
  readonly reason?: string;
  /**
   * When the pause ends by itself, by the clock of the server. A tick at that instant runs.
   * @default none: the job is paused until it is resumed
   */
  readonly until?: Date;
}

/**
 * An exclusive job, as {@link AdvisoryLockJobs.list} resolves to it.
 *
 * @example
 * ```ts
 * const paused = (await jobs.list()).filter(({ isPaused }) => isPaused);
 * ```
 */
export interface AdvisoryLockJob {
  /** The name of its lock, without the namespace, as the other methods take it. */
  readonly name: string;
  /** The class and the method, such as `Reports.nightly`. */
  readonly method: string;
  /** The schedule as it is written: a cron expression, or `every 5000 ms`; missing for a timeout. */
  readonly schedule?: string;
  /** The next tick of the schedule, also while the job is paused; missing where there is none. */
  readonly nextTick?: Date;
  /** Whether its ticks are left out. */
  readonly isPaused: boolean;
  /** Of a paused job: why, if a reason was given. */
  readonly reason?: string;
  /** Of a paused job: since when, by the clock of the server. */
  readonly pausedAt?: Date;
  /** Of a paused job: when the pause ends by itself, if it does. */
  readonly until?: Date;
  /**
   * Of a paused job: the `instanceName` of the module that paused it; the user and the process of a command
   * line, or the address of a user of the dashboard.
   */
  readonly pausedBy?: string;
}

/**
 * Shows, pauses, resumes and runs the exclusive jobs of this application. A pause counts in the whole fleet,
 * from the next tick on, and outlasts restarts: it is a row in the table of {@link AdvisoryLockJobPause}.
 * Inject it by its class; for a module with a `name`, make one with its service.
 *
 * Jobs are named by their locks, without the namespace: `'Reports.daily'` unless the option `lock` says
 * otherwise. Jobs that share a lock are paused together.
 *
 * @example
 * ```ts
 * constructor(private readonly jobs: AdvisoryLockJobs) {}
 *
 * async onIncident(): Promise<void> {
 *   await this.jobs.pause('Reports.daily', { reason: 'incident 7' });
 * }
 *
 * new AdvisoryLockJobs(archiveLocks); // of @InjectAdvisoryLock('archive')
 * ```
 */
export class AdvisoryLockJobs {
  private readonly runtime: JobRuntime;

  constructor(locks: AdvisoryLockService);
  /** @internal */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the published types leave it out
  constructor(host: FeatureHost);
  constructor({ [FEATURES]: { jobs } }: FeatureHost) {
    this.runtime = jobs;
  }

  /**
   * Resolves to the jobs of this instance, and whether each is paused in the fleet.
   *
   * @throws {@link LockConnectionError} (`LOCK_CONNECTION`) when the database is away.
   */
  async list(): Promise<AdvisoryLockJob[]> {
    const { pauses, known } = this.runtime;
    await pauses.refresh();
    return known.all.map((job) => this.shown(job));
  }

  /**
   * Pauses a job in the whole fleet. Its ticks are left out (event `skipped`, reason `paused`), and `catchUp`
   * does not run them later. A run that has begun goes on. Pausing a paused job changes reason and end.
   *
   * @param job - the name of its lock, without the namespace.
   * @param options - why, and until when.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for a job that this instance does not have,
   * an invalid option, an end in the past, and without the table; {@link LockConnectionError}
   * (`LOCK_CONNECTION`) when the database is away, and when instances could not be notified.
   */
  async pause(job: LockName, options: PauseOptions = {}): Promise<void> {
    checkOptions(options, pauseRules, 'pause()');
    const { pauses, known } = this.runtime;
    known.require(job, 'pause()');
    await pauses.pause(job, options.reason, options.until);
  }

  /**
   * Ends the pause of a job in the whole fleet. Does nothing when it is not paused. A paused job that this
   * instance does not have can be resumed, too.
   *
   * @param job - the name of its lock, without the namespace.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for a job that this instance does not have
   * and that was never paused, and without the table; {@link LockConnectionError} (`LOCK_CONNECTION`) when
   * the database is away, and when instances could not be notified.
   */
  async resume(job: LockName): Promise<void> {
    const { pauses, known } = this.runtime;
    await pauses.refresh();
    if (pauses.of(job) === undefined) known.require(job, 'resume()');
    await pauses.resume(job);
  }

  /**
   * Runs a job now, under its lock, whether it is paused or not: in this instance if it has the job (and
   * leads, for a job with a `leader`), else in one that has, with its timer on. It takes no tick from the
   * schedule, and `currentTick()` is undefined. Resolves to what the method resolves to; to `undefined` after
   * a run in another instance. One instance runs it, once.
   *
   * Another instance runs it only for a database role that may do what its own role may.
   *
   * @param job - the name of its lock, without the namespace.
   * @param options - `waitMs`: how long to wait while the job is busy, in milliseconds, 0 by default;
   * `Infinity` waits without end.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for a job that no instance has, a lock of
   * several jobs, and an invalid option; {@link LockUnavailableError} (`LOCK_UNAVAILABLE`,
   * {@link LockTimeoutError} with `LOCK_TIMEOUT` after a wait) while the job runs, or when no instance leads;
   * {@link LockJobFailedError} (`LOCK_JOB_FAILED`) when it failed in another instance;
   * {@link LockConnectionError} (`LOCK_CONNECTION`) when the database is away, and when the end of the run is
   * not known; what the method throws here.
   * @example
   * ```ts
   * await jobs.runNow('Reports.daily', { waitMs: 60_000 });
   * ```
   */
  async runNow(job: LockName, options: WaitOptions = {}): Promise<unknown> {
    const { waitMs = 0 } = checkOptions(options, waitRules, 'runNow()');
    return this.runtime.onDemand.run(job, waitMs);
  }

  private shown({ lock, method, findTimes }: KnownJob): AdvisoryLockJob {
    const { pauses, schedulers } = this.runtime;
    const times = schedulers.length === 0 ? undefined : findTimes?.(schedulers);
    const nextMs = times?.after(Date.now());
    const last = pauses.of(lock);
    const pause = last !== undefined && isActive(last) ? last : undefined;
    return {
      name: describeNames(lock),
      method,
      ...(times !== undefined && { schedule: times.text }),
      ...(nextMs !== undefined && { nextTick: new Date(nextMs) }),
      isPaused: pause !== undefined,
      ...(pause !== undefined && { pausedAt: new Date(pause.pausedAtMs), pausedBy: pause.by }),
      ...(pause?.reason != null && { reason: pause.reason }),
      ...(pause?.untilMs != null && { until: new Date(pause.untilMs) }),
    };
  }
}
