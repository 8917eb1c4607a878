import { claimKeyOfTick } from '../claim-key.js';
import { claimOptions } from '../claim-options.js';
import type { JobStep, TimedRun } from '../job-run.js';

/**
 * Claims the tick, so that no other instance runs it. A recorded tick is claimed, too: the claim says which
 * instance has it before there is a row.
 */
export const claimTick: JobStep<TimedRun> = async (run, next) => {
  const { runtime, firing, name, job, call } = run;
  const { claims } = runtime.engine;
  const { onCrash = 'rerun' } = claimOptions(job.tick);
  const key = claimKeyOfTick(runtime.engine, name, call.methodName, firing.atMs);
  const isMine = await claims.make(key, { keepMs: firing.claimMs, isRemembered: onCrash === 'skip' });
  if (!isMine) return { ran: false, reason: 'claimed' };
  const outcome = await next(run);
  // An instance that fires for the tick after the previous run may have it.
  if (job.tick.overlap === 'elsewhere' && !outcome.ran && outcome.reason === 'held') claims.giveBack(key);
  return outcome;
};
