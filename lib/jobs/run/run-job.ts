import type { JobMethod } from './job-method.js';
import { JobCall } from './job-call.js';
import { describeNames, LockUnavailableError } from '../../core/index.js';
import { describeMethod, runLocked, serviceOf } from '../../locking/run-locked.js';
import { claimOptions, runTick } from './run-tick.js';

/** Calls the method for the tick that its timer fires for, if nobody else in the fleet has had it. A call by hand needs the lock alone. */
export async function runJob(job: JobMethod, instance: object, args: readonly unknown[]): Promise<unknown> {
  const service = serviceOf(job, instance);
  // Before anything is awaited: later it cannot be told who has called.
  const found = service.scheduler && job.findFiring(service.scheduler, claimOptions(job.tick).claimMs);
  const firing = found instanceof Promise ? await found : found;
  const name = job.nameOf(instance);
  const called = { lockName: describeNames(name), method: describeMethod(instance, job.methodName) };
  const onHeld = (): void => {
    const { scheduler } = service;
    if (scheduler === undefined || firing === undefined || firing.isMissed === true) return;
    void service.heldUpJobs.look(called, service.keys.keyOf(name), firing.atMs, scheduler);
  };
  const call = new JobCall(called, firing, service.ticks, service.events, onHeld);
  const watched = watchedJob(job, call);
  try {
    return await (firing === undefined
      ? runLocked(watched, instance, args)
      : runTick({ service, name, firing, instance, args, call }, watched));
  } catch (error) {
    if (!call.hasBegun && error instanceof LockUnavailableError) call.skipped('held');
    throw error;
  }
}

/** The job, of which the call notes what becomes. */
function watchedJob(job: JobMethod, call: JobCall): JobMethod {
  const { onShutdown } = job;
  return {
    ...job,
    async method(...args) {
      call.began();
      try {
        const result: unknown = await job.method.apply(this, args);
        call.ended();
        return result;
      } catch (error) {
        call.ended({ error });
        throw error;
      }
    },
    onSkip(reason) {
      if (job.onBusy === 'skip') call.skippedQuietly(reason);
      else call.skipped(reason);
    },
    onShutdown:
      onShutdown &&
      ((instance) => {
        call.skipped('shutdown');
        return onShutdown(instance);
      }),
  };
}
