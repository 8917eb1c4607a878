import type { ReportedJob, ReportedTick } from '../../fleet/instance-report.js';
import type { FindTimes, JobTimes } from '../schedule/job-times.js';
import type { Scheduler } from '../schedule/scheduler.js';
import { jobIdOf, type JobName } from './job-name.js';

/** The ticks to remember per job. */
const MAX_REMEMBERED_TICKS = 60;

/** How much longer a run may have been than what is remembered of it, in milliseconds. */
const END_SLACK_MS = 500;

/** The jobs to remember: an application may make jobs at run time without end. */
const MAX_REMEMBERED_JOBS = 1_000;

/** The ticks of all jobs that one report has; of each job at least the newest few. */
const MAX_REPORTED_TICKS = 1_000;
const MIN_REPORTED_TICKS = 3;

/** How many ticks of each job an instance with this many jobs reports at most. */
export function reportedTicks(jobCount: number): number {
  return Math.min(
    MAX_REMEMBERED_TICKS,
    Math.max(MIN_REPORTED_TICKS, Math.floor(MAX_REPORTED_TICKS / Math.max(1, jobCount))),
  );
}

interface LoggedTick extends ReportedTick {
  /** Since when it runs, by `performance.now()`. */
  readonly runningSince?: number;
}

interface LoggedJob extends JobName {
  findTimes: FindTimes | undefined;
  /** By the instant at which each was due, the oldest first. */
  readonly ticks: Map<number, LoggedTick>;
}

/** The exclusive jobs of this instance, and the outcomes of their latest ticks here. */
export class TickLog {
  private readonly jobs = new Map<string, LoggedJob>();

  /** The methods of the jobs, such as `Reports.nightly`. */
  get methods(): readonly string[] {
    return [...this.jobs.values()].map(({ method }) => method);
  }

  /** Adds a job. */
  add(name: JobName, findTimes: FindTimes | undefined): void {
    this.jobOf(name).findTimes = findTimes;
  }

  /** Records the outcome of a tick. */
  note(name: JobName, tick: LoggedTick): void {
    const job = this.jobOf(name);
    const { ticks } = job;
    ticks.delete(tick.atMs);
    ticks.set(tick.atMs, tick);
    const [oldest] = ticks.keys();
    if (ticks.size > MAX_REMEMBERED_TICKS && oldest !== undefined) ticks.delete(oldest);
    // The jobs with the latest news are kept.
    this.jobs.delete(jobIdOf(name));
    this.jobs.set(jobIdOf(name), job);
  }

  /** What this instance did with a tick, if it remembers it. */
  tickOf(name: JobName, atMs: number): ReportedTick | undefined {
    return this.jobs.get(jobIdOf(name))?.ticks.get(atMs);
  }

  /** Whether a run of another tick went on here at that instant. It begins within `jitterMs` of its tick. */
  wasRunningAt(name: JobName, atMs: number, jitterMs = 0): boolean {
    const ticks = this.jobs.get(jobIdOf(name))?.ticks.values() ?? [];
    return [...ticks].some(({ atMs: beganMs, outcome, lateMs = 0, durationMs = 0 }) => {
      if (outcome === 'skipped' || beganMs >= atMs) return false;
      return outcome === 'running' || beganMs + lateMs + jitterMs + durationMs + END_SLACK_MS >= atMs;
    });
  }

  /** When the job is due, if this instance has it and its timer exists. */
  timesOf({ lockName, method }: JobName, schedulers: readonly Scheduler[]): JobTimes | undefined {
    return this.jobs.get(jobIdOf({ lockName, method }))?.findTimes?.(schedulers);
  }

  /** The report to the fleet. */
  report(schedulers: readonly Scheduler[]): ReportedJob[] {
    const perJob = reportedTicks(this.jobs.size);
    const nowMs = Date.now();
    return [...this.jobs.values()].map(({ lockName, method, findTimes, ticks }) => {
      const times = schedulers.length === 0 ? undefined : findTimes?.(schedulers);
      const nextAtMs = times?.after(nowMs);
      return {
        name: lockName,
        method,
        ...(times !== undefined && { schedule: times.text }),
        ...(nextAtMs !== undefined && { nextAtMs }),
        ticks: [...ticks.values()].slice(-perJob).map(reported),
      };
    });
  }

  private jobOf(name: JobName): LoggedJob {
    const id = jobIdOf(name);
    const known = this.jobs.get(id);
    if (known !== undefined) return known;
    const [oldest] = this.jobs.keys();
    if (this.jobs.size >= MAX_REMEMBERED_JOBS && oldest !== undefined) this.jobs.delete(oldest);
    const { lockName, method } = name;
    const job: LoggedJob = { lockName, method, findTimes: undefined, ticks: new Map() };
    this.jobs.set(id, job);
    return job;
  }
}

function reported({ runningSince, ...tick }: LoggedTick): ReportedTick {
  if (runningSince === undefined) return tick;
  return { ...tick, durationMs: performance.now() - runningSince };
}
