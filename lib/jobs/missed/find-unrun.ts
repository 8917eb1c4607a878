import type { LockKey, LockRuntime } from '../../core/index.js';
import type { Fleet } from '../../fleet/fleet.js';
import { type InstanceReport, isOfOtherNamespace } from '../../fleet/instance-report.js';
import type { JobPauses } from '../control/job-pauses.js';
import type { RunRecords } from '../records/run-records.js';
import { nameOf } from '../run/job-name.js';
import type { DueTick } from './due-jobs.js';
import { isTaken } from './is-taken.js';

/** How long to wait for the reports of the fleet, in milliseconds. */
const REPORT_WITHIN_MS = 2_000;

export interface UnrunParts {
  readonly engine: Pick<LockRuntime, 'keys'>;
  readonly fleet: Pick<Fleet, 'inspect'>;
  readonly pauses: Pick<JobPauses, 'refresh' | 'pauseAt'>;
  readonly records: Pick<RunRecords, 'unrecorded'>;
}

export interface Unrun {
  /** The ticks that ran nowhere. */
  readonly unrun: readonly DueTick[];
  /** Those of which it cannot be said. */
  readonly unknown: readonly DueTick[];
  /** Why not: an instance did not report, or this one cannot ask the others. */
  readonly obstacle?: 'silence' | 'deaf' | undefined;
}

/**
 * Finds the ticks that ran in no instance and were not paused: by the records of the job, or else by what
 * the other instances report to one question.
 *
 * @param about - the question is about this key, so that reports have no locks: only jobs are of interest.
 */
export async function findUnrun(
  { engine, fleet, pauses, records }: UnrunParts,
  about: LockKey,
  ticks: readonly DueTick[],
): Promise<Unrun> {
  await pauses.refresh();
  const due: DueTick[] = [];
  for (const tick of ticks)
    if ((await pauses.pauseAt(tick.job.lock, tick.atMs)) === undefined) due.push(tick);
  const unrun = await unrecorded(
    records,
    due.filter(({ job }) => job.isRecorded),
  );
  const doubtful = due.filter(({ job }) => !job.isRecorded);
  if (doubtful.length === 0) return { unrun, unknown: [] };
  const look = await fleet.inspect({ keys: [about], withinMs: REPORT_WITHIN_MS });
  if (!look.isAsked) return { unrun, unknown: doubtful, obstacle: 'deaf' };
  if (look.silent.length > 0) return { unrun, unknown: doubtful, obstacle: 'silence' };
  const reports = look.reports.slice(1).filter((report) => !isOfOtherNamespace(report, engine.keys.prefix));
  const denied = doubtful.filter((tick) => reports.every((report) => denies(report, tick)));
  return { unrun: [...unrun, ...denied], unknown: [] };
}

async function unrecorded(
  records: UnrunParts['records'],
  ticks: readonly DueTick[],
): Promise<readonly DueTick[]> {
  const unrun: DueTick[] = [];
  for (const job of new Set(ticks.map((tick) => tick.job))) {
    const ofJob = ticks.filter((tick) => tick.job === job);
    const missing = await records.unrecorded(
      job.lock,
      ofJob.map(({ atMs }) => atMs),
    );
    unrun.push(...ofJob.filter(({ atMs }) => missing.includes(atMs)));
  }
  return unrun;
}

/** Whether the instance knows that it did not run the tick: it remembers the ticks of that time. */
function denies({ jobs }: InstanceReport, { job, atMs }: DueTick): boolean {
  const { lockName, method } = nameOf(job);
  const ticks = jobs
    .filter((each) => each.name === lockName && each.method === method)
    .flatMap((each) => each.ticks);
  if (ticks.some((tick) => tick.atMs === atMs && isTaken(tick))) return false;
  return ticks.length === 0 || ticks.some((tick) => tick.atMs <= atMs);
}
