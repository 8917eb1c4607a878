import type { JobOutcome, JobRun } from '../job-run.js';

/** Lets the next tick of a job with `overlap: 'cancel'` take the lock away from this run. Inside the lock. */
export async function cancelable<Run extends JobRun>(
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const { job, runtime, lock, name, call } = run;
  const hold = job.tick.overlap === 'cancel' ? lock?.holdOf(lock.key.id) : undefined;
  if (runtime === undefined || hold === undefined) return next(run);
  const remove = runtime.cancellations.add(name, call.methodName, hold);
  try {
    return await next(run);
  } finally {
    remove();
  }
}
