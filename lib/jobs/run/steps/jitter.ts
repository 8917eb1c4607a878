import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeNames, LockShutdownError } from '../../../core/index.js';
import type { JobOutcome, JobRun } from '../job-run.js';

/**
 * Waits until the moment within `jitterMs` at which the run begins. It comes after the claim, so that no
 * instance claims a tick later for it, and before the lock, which stays free meanwhile.
 */
export async function jitter<Run extends JobRun>(
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const { job, runtime, name } = run;
  if (job.jitterMs === undefined || runtime === undefined) return next(run);
  const { dueMs, identity } = dueOf(run);
  const id = `${runtime.engine.keys.fullNameOf(name)}#${run.call.methodName}@${identity}`;
  const waitMs = dueMs + jitterOf(id, job.jitterMs) - Date.now();
  try {
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: runtime.engine.closeSignal });
  } catch {
    throw new LockShutdownError(describeNames(name));
  }
  return next(run);
}

/** When the run would begin without it, and what identifies the tick in the whole fleet. */
function dueOf({ firing }: JobRun): { dueMs: number; identity: number } {
  const now = Date.now();
  if (firing === undefined) return { dueMs: now, identity: now };
  // The timer of an interval fires anywhere in a period.
  return { dueMs: firing.isPeriod === true ? now : firing.atMs, identity: firing.atMs };
}

/** A part of `jitterMs` that looks random and is the same for the same text, in whole milliseconds. */
export function jitterOf(identity: string, jitterMs: number): number {
  const hash = createHash('sha256').update(identity).digest().readUInt32BE(0);
  return Math.floor((hash / 2 ** 32) * (jitterMs + 1));
}
