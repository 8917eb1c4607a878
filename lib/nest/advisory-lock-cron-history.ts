import { describe, isWholeNumber, LockConfigurationError, type LockName } from '../core/index.js';
import type { RecordedRun, RunRecords } from '../jobs/records/run-records.js';
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
  /** The name of the job's lock, with the namespace of the module. */
  readonly job: string;
  /** When it was due. */
  readonly tickAt: Date;
  /** Who ran it: the name of the host and the id of the process. */
  readonly instance: string;
  /** By the clock of the server, like the end. */
  readonly startedAt: Date;
  readonly endedAt?: Date;
  /**
   * `'running'`: it still goes on. `'died'`: its end was never recorded, and its instance, or the lock connection of that, is gone. Told
   * by a lock that the instance holds while it runs, not by a timeout.
   */
  readonly state: 'running' | 'done' | 'failed' | 'died';
  /** What it threw, as text. */
  readonly error?: string;
}

/**
 * Reads what jobs with `tick: 'record'` have recorded. Inject it by its class; for a module with a `name`, make one of its service.
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
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- only this one is left out of the published types
  constructor(host: FeatureHost);
  constructor({ [FEATURES]: { jobs } }: FeatureHost) {
    this.records = jobs.records;
  }

  /**
   * The newest runs of a job, the newest first.
   *
   * @param job - the name of its lock, without the namespace: `'Reports.daily'` unless the decorator says otherwise.
   * @param options - `limit`: how many at most, from 1 to 10000; 100 when left out.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for a limit that cannot be; {@link LockConnectionError}
   * (`LOCK_CONNECTION`) when it cannot be told whether a run goes on.
   */
  async runs(
    job: LockName,
    { limit = DEFAULT_LIMIT }: { readonly limit?: number } = {},
  ): Promise<AdvisoryLockCronRun[]> {
    if (!isWholeNumber(limit, 1, MAX_RUNS)) {
      throw new LockConfigurationError(
        `The \`limit\` of runs() has to be a whole number from 1 to ${MAX_RUNS}, but ${describe(limit)} came.`,
      );
    }
    const runs = await this.records.newest(job, limit);
    return Promise.all(runs.map((run) => this.withState(job, run)));
  }

  /** The run of the newest tick; `undefined` when there is none. */
  async last(job: LockName): Promise<AdvisoryLockCronRun | undefined> {
    return (await this.runs(job, { limit: 1 }))[0];
  }

  private async withState(job: LockName, run: RecordedRun): Promise<AdvisoryLockCronRun> {
    if (run.outcome !== null) return shown(run, run.outcome);
    if (await this.records.isRunning(job, run.atMs)) return shown(run, 'running');
    // It may have ended since it was read: its end is recorded before its lock is free.
    const again = (await this.records.at(job, run.atMs)) ?? run;
    return shown(again, again.outcome ?? 'died');
  }
}

function shown(
  { job, atMs, instance, startedMs, endedMs, error }: RecordedRun,
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
