import {
  describeNames,
  LockConfigurationError,
  type LockName,
  messageOf,
  RecentMap,
} from '../../core/index.js';
import { type AdvisoryLockCronRun, AdvisoryLockCronHistory } from '../../nest/advisory-lock-cron-history.js';
import { type FeatureHost, FEATURES, type Features } from '../../nest/features.js';
import { SharedQuery } from '../../nest/shared-query.js';
import { within } from '../../nest/within.js';
import type { DashboardJob } from './dashboard-snapshot.js';
import type { JobControl } from './job-control.js';
import type { JobDetails, JobQuery, JobRunDetails } from './job-details.js';
import type { JobSchedules } from './job-schedules.js';

/** How many ticks to come are shown. */
const SHOWN_NEXT = 3;

/** How long a viewer waits for the runs of a job, in milliseconds. */
const RUNS_PATIENCE_MS = 2_000;

/** Whose runs are remembered: jobs that are looked at. */
const MAX_QUERIES = 100;

type Runs = Pick<JobDetails, 'isRecorded' | 'runs'>;

const NOT_RECORDED: Runs = { isRecorded: false, runs: [] };

/** Reads what the page of one job shows. */
export class JobReader {
  private readonly history: AdvisoryLockCronHistory;
  private readonly features: Features;
  private readonly queries = new RecentMap<string, SharedQuery<Runs>>(MAX_QUERIES);

  constructor(
    host: FeatureHost,
    private readonly schedules: JobSchedules,
    private readonly control: JobControl,
  ) {
    this.features = host[FEATURES];
    this.history = new AdvisoryLockCronHistory(host);
  }

  /**
   * @param jobs - those of the fleet.
   * @throws `NotFoundException` for a job that no instance has.
   */
  async read({ name, limit }: JobQuery, jobs: readonly DashboardJob[]): Promise<JobDetails> {
    const lock = await this.control.lockOf(name);
    const query = this.queryOf(lock, name, limit);
    const runs = await within(query.refresh(), RUNS_PATIENCE_MS).catch((error: unknown) => ({
      isRecorded: true,
      runs: [],
      problem: messageOf(error),
    }));
    const nowMs = Date.now();
    const lockName = describeNames(lock);
    const pause = this.control.pauseOf(lockName);
    return {
      at: new Date(nowMs).toISOString(),
      name,
      methods: jobs
        .filter((job) => job.name === lockName)
        .map((job) => ({
          method: job.method,
          ...(job.schedule !== undefined && { schedule: job.schedule }),
          nextAt: this.nextOf(job, nowMs),
        })),
      ...(pause !== undefined && { pause }),
      canControl: this.control.isAllowed,
      ...runs,
    };
  }

  /** Of a job that this instance does not have, the one that another instance reports. */
  private nextOf(job: DashboardJob, nowMs: number): string[] {
    const own = this.schedules.next(job, nowMs, SHOWN_NEXT).map((atMs) => new Date(atMs).toISOString());
    return own.length > 0 || job.nextAt === undefined ? own : [job.nextAt];
  }

  private queryOf(lock: LockName, name: string, limit: number): SharedQuery<Runs> {
    const id = `${limit} ${name}`;
    const known = this.queries.get(id);
    if (known !== undefined) return known;
    const query = new SharedQuery(() => this.readRuns(lock, limit));
    this.queries.set(id, query);
    return query;
  }

  private async readRuns(lock: LockName, limit: number): Promise<Runs> {
    // A query of a missing table would be an error in the server's log.
    if (!(await this.features.jobs.hasRunTables())) return NOT_RECORDED;
    try {
      const runs = await this.history.runs(lock, { limit });
      return { isRecorded: true, runs: runs.map(runDetails) };
    } catch (error) {
      if (error instanceof LockConfigurationError) return NOT_RECORDED;
      throw error;
    }
  }
}

function runDetails({
  tickAt,
  startedAt,
  endedAt,
  trigger,
  attempt,
  instance,
  state,
  error,
}: AdvisoryLockCronRun): JobRunDetails {
  return {
    at: tickAt.toISOString(),
    startedAt: startedAt.toISOString(),
    ...(endedAt !== undefined && { durationMs: Math.max(0, endedAt.getTime() - startedAt.getTime()) }),
    trigger,
    attempt,
    instance,
    state,
    ...(error !== undefined && { error }),
  };
}
