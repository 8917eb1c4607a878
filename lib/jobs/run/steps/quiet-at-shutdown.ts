import { LockShutdownError } from '../../../core/index.js';
import type { JobOutcome, JobRun } from '../job-run.js';

/**
 * A job that falls due while the application shuts down is nothing unusual, and the scheduler would log it as
 * an error. A call by hand whose method has begun rejects like any other.
 */
export async function quietAtShutdown<Run extends JobRun>(
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  try {
    return await next(run);
  } catch (error) {
    const isQuiet = run.firing !== undefined || !run.observer.hasBegun;
    if (isQuiet && error instanceof LockShutdownError) return { ran: false, reason: 'shutdown' };
    throw error;
  }
}
