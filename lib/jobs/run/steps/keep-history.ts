import type { JobOutcome, JobRun } from '../job-run.js';

/** Keeps the attempt in the history of the job. */
export async function keepHistory<Run extends JobRun>(
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const { job, runtime, name, firing, isManual, attempt = 1 } = run;
  if (job.historyMs === undefined || runtime === undefined) return next(run);
  const trigger = isManual ? 'manual' : 'schedule';
  const kept = { name, atMs: firing?.atMs ?? Date.now(), trigger, attempt } as const;
  return runtime.history.keep(kept, job.historyMs, () => next(run));
}
