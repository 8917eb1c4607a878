import { jobIdOf } from '../../jobs/run/job-name.js';
import { reportedTicks } from '../../jobs/run/tick-log.js';
import {
  type InstanceReport,
  isOfOtherNamespace,
  type ReportedJob,
  type ReportedTick,
} from '../../fleet/instance-report.js';
import type { DashboardJob, DashboardTick } from './dashboard-snapshot.js';
import type { DueTicks } from './due-ticks.js';

/** How many ticks of a job are shown. */
export const SHOWN_TICKS = 30;

/**
 * A tick without a report after so long was missed. Clocks differ, timers are late, and reports are moments
 * old.
 */
const SETTLED_MS = 5_000;

const BEST_FIRST = ['running', 'ran', 'failed', 'skipped'] as const;

/** What the serving instance itself knows about a job's schedule. */
export interface KnownSchedule {
  readonly due: Pick<DueTicks, 'between' | 'nextMs'>;
  /** How long after a tick the timers of all instances have fired for it, in milliseconds. */
  readonly spreadMs: number;
}

interface JobReport {
  readonly report: InstanceReport;
  readonly job: ReportedJob;
  readonly isForeign: boolean;
}

function foreignName({ prefix = '' }: InstanceReport, { name }: ReportedJob): string {
  return `${name} (${prefix === '' ? 'no namespace' : `namespace ${prefix.slice(0, -1)}`})`;
}

/**
 * The jobs of the fleet, sorted by name, each with its latest ticks in all instances. One of an application
 * with another namespace is listed under a name that says so.
 */
export function dashboardJobsOf(
  reports: readonly InstanceReport[],
  nowMs: number,
  scheduleOf: (job: ReportedJob) => KnownSchedule | undefined,
  isPaused: (job: ReportedJob) => boolean = () => false,
  ownPrefix = '',
): DashboardJob[] {
  const jobReports = new Map<string, JobReport[]>();
  for (const report of reports) {
    // An outcome that a stranger makes up would hide a tick that was missed.
    if (report.isUnconfirmed === true) continue;
    const isForeign = isOfOtherNamespace(report, ownPrefix);
    for (const reported of report.jobs) {
      const job = isForeign ? { ...reported, name: foreignName(report, reported) } : reported;
      const id = jobIdOf({ lockName: job.name, method: job.method });
      const ofOneJob = jobReports.get(id) ?? [];
      jobReports.set(id, ofOneJob);
      ofOneJob.push({ report, job, isForeign });
    }
  }
  return [...jobReports.values()]
    .map((ofOneJob) => dashboardJobOf(ofOneJob, nowMs, scheduleOf, isPaused))
    .sort((a, b) => a.name.localeCompare(b.name));
}

function dashboardJobOf(
  reports: readonly JobReport[],
  nowMs: number,
  scheduleOf: (job: ReportedJob) => KnownSchedule | undefined,
  isPaused: (job: ReportedJob) => boolean,
): DashboardJob {
  const [{ job, isForeign }] = reports as [JobReport];
  const schedule = reports.map((each) => each.job.schedule).find((written) => written !== undefined);
  const known = isForeign ? undefined : scheduleOf(job);
  const nextAtMs = known?.due.nextMs(nowMs) ?? reportedNextMs(reports, nowMs);
  const ticks = new Map<number, { readonly instances: InstanceTick[] }>();
  for (const { report, job: own } of reports) {
    for (const { atMs, ...what } of own.ticks) {
      const tick = ticks.get(atMs) ?? { instances: [] };
      ticks.set(atMs, tick);
      tick.instances.push(instanceTick(report.instance, what));
    }
  }
  for (const atMs of dueTicks(reports, nowMs, known)) {
    if (!ticks.has(atMs)) ticks.set(atMs, { instances: [] });
  }
  return {
    name: job.name,
    method: job.method,
    ...(schedule !== undefined && { schedule }),
    ...(nextAtMs !== undefined && { nextAt: new Date(nextAtMs).toISOString() }),
    ...(isForeign ? { isForeign } : isPaused(job) && { isPaused: true }),
    ticks: [...ticks]
      .sort(([a], [b]) => a - b)
      .slice(-SHOWN_TICKS)
      .map(([atMs, { instances }]) => ({
        at: new Date(atMs).toISOString(),
        outcome: BEST_FIRST.find((outcome) => instances.some((each) => each.outcome === outcome)) ?? 'missed',
        instances,
      })),
  };
}

/** The first tick to come of those that instances with the job report. Reports are moments old. */
function reportedNextMs(reports: readonly JobReport[], nowMs: number): number | undefined {
  const next = reports.reduce((first, { job: { nextAtMs = Infinity } }) => {
    return nextAtMs > nowMs && nextAtMs < first ? nextAtMs : first;
  }, Infinity);
  return next === Infinity ? undefined : next;
}

type InstanceTick = DashboardTick['instances'][number];

function instanceTick(
  instance: string,
  { outcome, reason, lateMs, durationMs, error }: Omit<ReportedTick, 'atMs'>,
): InstanceTick {
  return {
    instance,
    outcome,
    ...(reason !== undefined && { reason }),
    ...(lateMs !== undefined && { lateMs: Math.round(lateMs) }),
    ...(durationMs !== undefined && { durationMs: Math.round(durationMs) }),
    ...(error !== undefined && { error }),
  };
}

/**
 * The ticks that some instance must have reported: all timers have fired for them, an instance with the job
 * was up, and no instance can have forgotten them. Instances remember only their latest ticks.
 */
function dueTicks(
  reports: readonly JobReport[],
  nowMs: number,
  known: KnownSchedule | undefined,
): readonly number[] {
  if (known === undefined) return [];
  const upSinceMs = nowMs - Math.max(...reports.map(({ report }) => report.upMs));
  const rememberedSinceMs = reports.map(({ report, job: { ticks } }) =>
    ticks.length < reportedTicks(report.jobs.length) ? -Infinity : (ticks[0]?.atMs ?? -Infinity),
  );
  return known.due.between(Math.max(upSinceMs, ...rememberedSinceMs), nowMs - known.spreadMs - SETTLED_MS);
}
