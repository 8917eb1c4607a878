import { retainMsOf } from '../../records/record.options.js';
import type { JobStep, TimedRun } from '../job-run.js';

/** Runs the tick only if no instance has recorded it, and records it. Inside the lock of the job. */
export const recordRun: JobStep<TimedRun> = async (run, next) => {
  const { runtime, firing, name, job } = run;
  const retainMs = job.tick.tick === 'record' ? retainMsOf(job.tick) : 0;
  const recorded = await runtime.records.run(name, firing.atMs, retainMs, () => next(run));
  return recorded.acquired ? recorded.value : { ran: false, reason: 'claimed' };
};
