import { describeNames } from '../../../core/index.js';
import type { JobOutcome, JobStep, TimedRun } from '../job-run.js';

/**
 * What a tick does while the previous run is not over: it waits a little, in a queue of one, or not at all.
 */
export const awaitPreviousRun: JobStep<TimedRun> = (run, next) => {
  const { overlap = 'skip' } = run.job.tick;
  if (overlap === 'queue') return inQueueOfOne(run, next);
  return next(overlap === 'skip' ? { ...run, waitMs: Math.ceil(run.firing.graceMs) } : run);
};

async function inQueueOfOne(
  run: TimedRun,
  next: (run: TimedRun) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const place = await run.runtime.engine.locks.tryAcquire(`${describeNames(run.name)}@queue`);
  if (place === undefined) return { ran: false, reason: 'held' };
  try {
    return await next({ ...run, waitMs: Infinity, onLocked: () => place.release() });
  } finally {
    await place.release();
  }
}
