import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../core/index.js';
import { describeMethod } from '../../../locking/describe-method.js';
import type { JobOutcome, JobRun } from '../job-run.js';

/** Tries a run that fails again, inside the lock of the job: the tick is still one. */
export async function retried<Run extends JobRun>(
  run: Run,
  next: (run: Run) => Promise<JobOutcome>,
): Promise<JobOutcome> {
  const { attempts = 1, delayMs = 0 } = run.job.retry ?? {};
  for (let attempt = 1; attempt < attempts; attempt += 1) {
    try {
      return await next({ ...run, attempt });
    } catch (error) {
      if (isOver(run)) throw error;
      run.runtime?.log.warn(
        `${describeMethod(run.call.instance, run.call.methodName)} failed in attempt ${attempt} of ` +
          `${attempts}, and is tried again in ${delayMs} ms: ${messageOf(error)}`,
      );
      await pause(run, delayMs);
      if (isOver(run)) throw error;
    }
  }
  return next({ ...run, attempt: attempts });
}

/** Whether the lock is lost, or the application is shutting down. */
function isOver({ lock, runtime }: JobRun): boolean {
  return lock?.isHeld === false || runtime?.engine.isClosed === true;
}

async function pause({ lock, runtime }: JobRun, delayMs: number): Promise<void> {
  const signals = [lock?.signal, runtime?.engine.closeSignal].filter((signal) => signal !== undefined);
  await sleep(delayMs, undefined, { signal: AbortSignal.any(signals) }).catch(() => undefined);
}
