import { isObservable } from 'rxjs';
import { holdUntilDone } from '../../../locking/hold-until-done.js';
import type { JobOutcome, JobRun } from '../job-run.js';

/** Continues inside the lock of the job. */
export async function underLock<Run extends JobRun>(
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const { locks, name, waitMs } = run;
  const body = async (): Promise<JobOutcome> => {
    const outcome = await next(run);
    if (!outcome.ran || !isObservable(outcome.value)) return outcome;
    return { ran: true, value: holdUntilDone(await locks.acquire(name), outcome.value) };
  };
  const outcome = await locks.tryWithLock(name, body, waitMs > 0 ? { waitMs } : undefined);
  return outcome.acquired ? outcome.value : { ran: false, reason: 'held', waitMs };
}
