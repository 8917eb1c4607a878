import { describeNames, LockLostError } from '../../../core/index.js';
import { CANCEL_REASON } from '../../control/cancellations.js';
import type { JobOutcome, JobStep, TimedRun } from '../job-run.js';

/**
 * What a tick does while the previous run is not over: it waits a little, in a queue of one, cancels it, or
 * does not wait at all.
 */
export const awaitPreviousRun: JobStep<TimedRun> = (run, next) => {
  const { overlap = 'skip' } = run.job.tick;
  if (overlap === 'queue') return inQueueOfOne(run, next);
  if (overlap === 'cancel') return afterCanceling(run, next);
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

/** How often the run is canceled and its lock waited for: a notification may get lost. */
const CANCEL_TIMES = 2;

async function afterCanceling(
  run: TimedRun,
  next: (run: TimedRun) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const { runtime, name, call, firing } = run;
  const waitMs = Math.ceil(firing.graceMs);
  const isBusy = (outcome: JobOutcome): boolean => !outcome.ran && outcome.reason === 'held';
  try {
    let outcome = await next(run);
    for (let n = 0; n < CANCEL_TIMES && isBusy(outcome); n += 1) {
      await runtime.cancellations.cancel(name, call.methodName, firing.graceMs);
      outcome = await next({ ...run, waitMs });
    }
    return outcome;
  } catch (error) {
    if (!(error instanceof LockLostError) || error.reason !== CANCEL_REASON) throw error;
    runtime.log.warn(`${describeNames(name)} was canceled after ${error.heldMs} ms: ${CANCEL_REASON}`);
    return { ran: true, value: undefined };
  }
}
