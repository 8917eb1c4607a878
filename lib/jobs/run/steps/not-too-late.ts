import type { JobStep, TimedRun } from '../job-run.js';

/** Once the claim of another instance may have expired, it cannot be told whether that instance has run the tick. */
export const notTooLate: JobStep<TimedRun> = (run, next) =>
  run.firing.isTooLate() ? Promise.resolve({ ran: false, reason: 'too-late' }) : next(run);
