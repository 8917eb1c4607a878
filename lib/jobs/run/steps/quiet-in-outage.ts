import { LockConnectionError } from '../../../core/index.js';
import type { JobOutcome, JobRun } from '../job-run.js';

/**
 * A tick is left out while the database is away, and the scheduler would log each as an error. A call by hand
 * rejects, and so does a method that has begun.
 */
export async function quietInOutage<Run extends JobRun>(
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  try {
    return await next(run);
  } catch (error) {
    if (run.firing === undefined || run.observer.hasBegun || !(error instanceof LockConnectionError)) {
      throw error;
    }
    run.observer.leftOut(error);
    return { ran: false, reason: 'outage' };
  }
}
