import { claimOptions } from '../claim-options.js';
import type { JobStep, TimedRun } from '../job-run.js';

/**
 * Claims the tick, so that no other instance runs it. A recorded tick is claimed, too: the claim says which
 * instance has it before there is a row.
 */
export const claimTick: JobStep<TimedRun> = async (run, next) => {
  const { runtime, firing, name, job, call } = run;
  const { claims, keys } = runtime.engine;
  const { onCrash = 'rerun' } = claimOptions(job.tick);
  // Jobs that share a lock have ticks of their own. By the name of the method, as each build may rename the
  // class.
  const key = keys.claimKeyOf(name, `${call.methodName}@${new Date(firing.atMs).toISOString()}`);
  const isMine = await claims.make(key, { keepMs: firing.claimMs, isRemembered: onCrash === 'skip' });
  if (!isMine) return { ran: false, reason: 'claimed' };
  const outcome = await next(run);
  // An instance that fires for the tick after the previous run may have it.
  if (job.tick.overlap === 'elsewhere' && !outcome.ran && outcome.reason === 'held') claims.giveBack(key);
  return outcome;
};
