import {
  describe,
  describeNames,
  isWholeNumber,
  LockConfigurationError,
  type LockName,
} from '../core/index.js';
import type { RecordedRun, RunRecords } from '../jobs/records/run-records.js';
import { listNames } from '../jobs/run/list-names.js';
import type { AdvisoryLockService } from './advisory-lock.service.js';
import { type FeatureHost, FEATURES } from './features.js';

const DEFAULT_LIMIT = 100;
const MAX_RUNS = 10_000;

/**
 * A recorded run of a job with `tick: 'record'`.
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
  /** The instant at which it was due. */
  readonly tickAt: Date;
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
 * Reads the records of jobs with `tick: 'record'`. Inject it by its class; for a module with a `name`, make
 * one with its service.
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
  private readonly records: RunRecords;

  constructor(locks: AdvisoryLockService);
  /** @internal */
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the published types leave it out
  constructor(host: FeatureHost);
  constructor({ [FEATURES]: { jobs } }: FeatureHost) {
    this.records = jobs.records;
  }

  /**
   * Resolves to the newest runs of a job, the newest first.
   *
   * @param job - the name of its lock, without the namespace: `'Reports.daily'` unless the option `lock` says
   * otherwise.
   * @param options - `limit`: how many runs at most, from 1 to 10000; 100 when left out.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or limit, and for a job
   * that neither this instance has with `tick: 'record'` nor the table has a run of;
   * {@link LockConnectionError} (`LOCK_CONNECTION`) when the state of a run cannot be queried; the error of
   * TypeORM, or of node-postgres without TypeORM, when the table cannot be read.
   */
  async runs(
    job: LockName,
    { limit = DEFAULT_LIMIT }: { readonly limit?: number } = {},
  ): Promise<AdvisoryLockCronRun[]> {
    if (!isWholeNumber(limit, 1, MAX_RUNS)) {
      throw new LockConfigurationError(
        `The option \`limit\` of runs() must be a whole number from 1 to ${MAX_RUNS}, received ` +
          `${describe(limit)}.`,
      );
    }
    const runs = await this.records.newest(job, limit);
    if (runs.length === 0) this.refuseUnknown(describeNames(job));
    return Promise.all(runs.map((run) => this.withState(job, run)));
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
  private refuseUnknown(job: string): void {
    const { jobNames } = this.records;
    if (jobNames.includes(job)) return;
    const known =
      jobNames.length === 0
        ? "no job with tick: 'record'"
        : `the recorded jobs ${listNames(jobNames.map((name) => `"${name}"`))}`;
    throw new LockConfigurationError(
      `runs() needs the name of the lock of a recorded job, without the namespace, received "${job}", of ` +
        `which there is no record. This instance has ${known}.`,
      { lockName: job },
    );
  }

  private async withState(job: LockName, run: RecordedRun): Promise<AdvisoryLockCronRun> {
    const name = describeNames(job);
    if (run.outcome !== null) return shown(name, run, run.outcome);
    if (await this.records.isRunning(job, run.atMs)) return shown(name, run, 'running');
    // It may have ended since it was read: its end is recorded before its lock is released.
    const again = (await this.records.at(job, run.atMs)) ?? run;
    return shown(name, again, again.outcome ?? 'died');
  }
}

function shown(
  job: string,
  { atMs, instance, startedMs, endedMs, error }: RecordedRun,
  state: AdvisoryLockCronRun['state'],
): AdvisoryLockCronRun {
  return {
    job,
    tickAt: new Date(atMs),
    instance,
    startedAt: new Date(startedMs),
    ...(endedMs !== null && { endedAt: new Date(endedMs) }),
    state,
    ...(error !== null && { error }),
  };
}
