import { isObservable } from 'rxjs';
import { type AdvisoryLock, CALLER } from '../../../core/index.js';
import { describeMethod } from '../../../locking/describe-method.js';
import { holdUntilDone } from '../../../locking/hold-until-done.js';
import type { JobOutcome, JobRun } from '../job-run.js';

/** Continues inside the lock of the job. */
export async function underLock<Run extends JobRun>(
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const { locks, name, waitMs, call, job, firing } = run;
  const method = describeMethod(call.instance, call.methodName);
  const body = async (held: AdvisoryLock | undefined): Promise<JobOutcome> => {
    const outcome = await next({ ...run, lock: held });
    if (!outcome.ran || !isObservable(outcome.value)) return outcome;
    const lock = await locks.acquire(name, { reentry: 'join' });
    return { ran: true, value: holdUntilDone(lock, outcome.value, method) };
  };
  // All missed ticks run inside one lock.
  const reentry = firing?.isMissed === true ? 'join' : job.reentry;
  const options = { [CALLER]: method, ...(waitMs > 0 && { waitMs }), ...(reentry && { reentry }) };
  const outcome = await locks.tryWithLock(name, body, options);
  return outcome.acquired ? outcome.value : { ran: false, reason: 'held', waitMs };
}
