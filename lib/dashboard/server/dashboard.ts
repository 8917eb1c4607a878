import { ForbiddenException } from '@nestjs/common';
import { AdvisoryLockInspector } from '../../nest/advisory-lock-inspector.js';
import { type FeatureHost, FEATURES, type Features } from '../../nest/features.js';
import { SharedQuery } from '../../nest/shared-query.js';
import { within } from '../../nest/within.js';
import { diagnose } from '../../inspection/diagnose.js';
import { describeDiagnosis } from '../../inspection/describe-diagnosis.js';
import { inspectedKey } from '../../inspection/inspect-locks.js';
import { deadlocksOf } from './dashboard-deadlocks.js';
import { dashboardInstancesOf } from './dashboard-instances.js';
import { dashboardJobsOf } from './dashboard-jobs.js';
import { LeaseReader } from './dashboard-leases.js';
import { dashboardLocksOf } from './dashboard-locks.js';
import type {
  DashboardDoctor,
  DashboardLock,
  DashboardSnapshot,
  TerminateRequest,
  TerminateResult,
} from './dashboard-snapshot.js';
import { JobControl } from './job-control.js';
import type { JobDetails, JobQuery } from './job-details.js';
import { JobReader } from './job-reader.js';
import { JobSchedules } from './job-schedules.js';
import { responseErrorOf } from './response-error.js';
import { findLocks } from './search.js';
import { Sightings } from './sightings.js';
import { sightingOf, sinceOf } from './since.js';
import type { SnapshotQuery } from './snapshot-query.js';

/** How long the instances of the fleet may take to report, in milliseconds. */
const FLEET_WITHIN_MS = 250;

/** How often the database is asked at most, and how long a viewer waits, in milliseconds. */
const INSPECT_TIMES = { everyMs: 1_000, patienceMs: 2_000 };
const DOCTOR_TIMES = { everyMs: 15_000, patienceMs: 1_000 };
const TERMINATE_PATIENCE_MS = 5_000;
const PAUSES_PATIENCE_MS = 250;

type Seen = Pick<
  DashboardSnapshot,
  'at' | 'database' | 'counts' | 'locks' | 'instances' | 'jobs' | 'deadlocks'
>;

/** What the dashboard shows and does, independent of HTTP. */
export class Dashboard {
  /** What users of the page do with jobs. */
  readonly control: JobControl;
  /** The leases that are held. */
  readonly leases: LeaseReader;
  private readonly inspector: AdvisoryLockInspector;
  private readonly schedules: JobSchedules;
  private readonly jobs: JobReader;
  private readonly sightings = new Sightings();
  private readonly seen = new SharedQuery(() => this.inspect());
  private readonly doctor = new SharedQuery(() => this.checkUp());
  private readonly features: Features;

  constructor(
    locks: FeatureHost,
    private readonly canTerminate: boolean,
    canControl = false,
  ) {
    this.features = locks[FEATURES];
    this.inspector = new AdvisoryLockInspector(locks);
    this.leases = new LeaseReader(this.inspector);
    this.schedules = new JobSchedules(this.features.jobs);
    this.control = new JobControl(this.features, canControl, async () =>
      (await this.jobsOfFleet()).filter(({ isForeign }) => isForeign !== true).map(({ name }) => name),
    );
    this.jobs = new JobReader(locks, this.schedules, this.control);
  }

  /** Never rejects: when the database is away, the snapshot says so. */
  async snapshot({ search, limit }: SnapshotQuery): Promise<DashboardSnapshot> {
    const doctor = latest(this.doctor, DOCTOR_TIMES).catch(() => undefined);
    const { problem, seen } = await latest(this.seen, INSPECT_TIMES).then(
      (seen) => ({ seen, problem: undefined }),
      (error: unknown) => ({ seen: nothingSeen(), problem: (error as Error).message }),
    );
    const matching = findLocks(seen.locks, search, (name) => this.keyIdOf(name));
    const report = await doctor;
    return {
      ...seen,
      instance: this.features.fleet.instance,
      canTerminate: this.canTerminate,
      canControl: this.control.isAllowed,
      ...(problem !== undefined && { problem }),
      counts: { ...seen.counts, matching: matching.length },
      locks: matching.slice(0, limit),
      ...(report !== undefined && { doctor: report }),
    };
  }

  /** What the page of one job shows. Throws `NotFoundException` for a job that no instance has. */
  async job(query: JobQuery): Promise<JobDetails> {
    const jobs = await this.jobsOfFleet();
    await this.refreshPauses();
    return this.jobs.read(query, jobs);
  }

  /** Ends the backend of a listed holder, if it is still the same and still holds that lock. */
  async terminate(
    { key, pid, backendId, holdId, reason }: TerminateRequest,
    by: string,
  ): Promise<TerminateResult> {
    if (!this.canTerminate) {
      throw new ForbiddenException(
        'The option `allowTerminate` of the dashboard must be true to end holders.',
      );
    }
    const { classid, objid, objsubid } = key;
    const holder = {
      key: inspectedKey(classid, objid, objsubid),
      backend: { pid, id: backendId },
      isGranted: true,
      ...(holdId !== undefined && { holdId }),
    };
    const ending = this.inspector.end(holder, {
      reason: `${reason} (through the dashboard, from ${by})`,
    });
    try {
      const { pids, isRetaken = false } = await within(ending, TERMINATE_PATIENCE_MS);
      return { ended: pids, ...(isRetaken && { isRetaken }) };
    } catch (error) {
      throw responseErrorOf(error);
    }
  }

  private async inspect(): Promise<Seen> {
    const look = await this.inspector.fleet({ withinMs: FLEET_WITHIN_MS });
    const nowMs = Date.now();
    this.sightings.note(look.locks.map(sightingOf), performance.now());
    if (look.reports.some(({ jobs }) => jobs.length > 0)) await this.refreshPauses();
    const locks = dashboardLocksOf(look, (lock) => sinceOf(lock, this.sightings, look.now.getTime()));
    return {
      at: new Date(nowMs).toISOString(),
      database: look.database,
      counts: countsOf(locks),
      locks,
      instances: dashboardInstancesOf(look),
      jobs: dashboardJobsOf(
        look.reports,
        nowMs,
        (job) => this.schedules.of(job),
        ({ name }) => this.control.pauseOf(name) !== undefined,
        this.features.engine.keys.prefix,
      ),
      deadlocks: deadlocksOf(look.reports),
    };
  }

  private async jobsOfFleet(): Promise<DashboardSnapshot['jobs']> {
    try {
      return (await latest(this.seen, INSPECT_TIMES)).jobs;
    } catch (error) {
      throw responseErrorOf(error);
    }
  }

  /** Never rejects: where all connections of the pool are taken, the pauses that are known are shown. */
  private async refreshPauses(): Promise<void> {
    await within(this.features.jobs.pauses.refresh(), PAUSES_PATIENCE_MS).catch(() => undefined);
  }

  private async checkUp(): Promise<DashboardDoctor> {
    const diagnosis = await diagnose(this.features.engine);
    const { isHealthy, problems, pooler } = diagnosis;
    return {
      isHealthy,
      problems,
      ...(pooler !== undefined && { pooler }),
      summary: describeDiagnosis(diagnosis),
      checkedAt: new Date().toISOString(),
    };
  }

  private keyIdOf(name: string): string | undefined {
    try {
      return this.features.engine.keys.guessedKeyOf(name).id;
    } catch {
      return undefined;
    }
  }
}

/** The latest result, or a new one; no viewer waits longer than the patience allows. */
function latest<T>(query: SharedQuery<T>, { everyMs, patienceMs }: typeof INSPECT_TIMES): Promise<T> {
  const result = query.get(everyMs);
  return within(result, Math.max(0, patienceMs - query.askedMsAgo), patienceMs);
}

function countsOf(all: readonly DashboardLock[]): DashboardSnapshot['counts'] {
  const locks = all.filter(({ isClaim }) => isClaim !== true);
  return {
    locks: locks.length,
    holders: locks.reduce((count, { holders }) => count + holders.length, 0),
    waiters: locks.reduce((count, { waiters }) => count + waiters.length, 0),
    claims: all.length - locks.length,
    matching: locks.length,
  };
}

function nothingSeen(): Seen {
  const counts = countsOf([]);
  return { at: new Date().toISOString(), counts, locks: [], instances: [], jobs: [], deadlocks: [] };
}
