import type { JobOutcome, JobRun } from '../job-run.js';

/** A paused job does not run. What costs a lock comes after this step. */
export async function notPaused<Run extends JobRun>(
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const pause = await run.runtime?.pauses.pauseAt(run.name, dueMsOf(run));
  return pause === undefined ? next(run) : { ran: false, reason: 'paused' };
}

function dueMsOf({ firing }: JobRun): number {
  if (firing === undefined) return Date.now();
  // The timer of an interval fires anywhere in a period, which may have begun before the pause.
  return firing.isPeriod === true ? firing.atMs + firing.lateMs : firing.atMs;
}
