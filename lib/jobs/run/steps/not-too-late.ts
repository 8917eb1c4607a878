import type { JobStep, TimedRun } from '../job-run.js';

/**
 * Once the claim of another instance may have expired, that instance may have run the tick, unknown to this
 * one.
 */
export const notTooLate: JobStep<TimedRun> = (run, next) =>
  run.firing.isTooLate() ? Promise.resolve({ ran: false, reason: 'too-late' }) : next(run);
