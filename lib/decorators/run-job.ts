import { Logger } from '@nestjs/common';
import type { AdvisoryLockService } from '../advisory-lock.service.js';
import { runForTick, type Tick } from '../cron/current-tick.js';
import type { FindFiring, Firing } from '../cron/firing.js';
import { type RecordOptions, retainMsOf } from '../cron/record/record.options.js';
import { recordedMethod } from '../cron/record/recorded-method.js';
import type { TickOptions } from '../cron/tick.options.js';
import { describeNames, type LockName } from '../engine/lock-key.js';
import { busy, type LockedMethod, refuseQuietly, runLocked, serviceOf } from './run-locked.js';

/** A method that a timer calls, and how it is kept to one run a tick. */
export interface JobMethod extends LockedMethod {
  readonly nameOf: (instance: object) => LockName;
  readonly findFiring: FindFiring;
  readonly tick: TickOptions | RecordOptions;
}

const logger = new Logger('AdvisoryLock');

/** Calls the method for the tick that its timer fires for, if nobody else in the fleet has had it. A call by hand needs the lock alone. */
export function runJob(job: JobMethod, instance: object, args: readonly unknown[]): Promise<unknown> {
  const service = serviceOf(job, instance);
  // Before anything is awaited: later it cannot be told who has called.
  const firing = service.scheduler && job.findFiring(service.scheduler, claimOptions(job.tick).claimMs);
  if (firing === undefined) return runLocked(job, instance, args);
  // Who does not lead must not claim the tick.
  if (job.isItsTurn?.(service, instance) === false) return Promise.resolve();
  const name = job.nameOf(instance);
  const tick: Tick = { name: describeNames(name), at: new Date(firing.atMs), lateMs: firing.lateMs };
  // Asked once: who has claimed the tick runs it.
  const its: JobMethod = { ...job, isItsTurn: undefined };
  return runForTick(tick, () => {
    if (its.tick.tick === 'none') return runLocked(its, instance, args);
    const method =
      its.tick.tick === 'record'
        ? recordedMethod(its, service, name, firing.atMs, retainMsOf(its.tick))
        : its.method;
    const ticked = { ...its, method };
    // Under the lock of all that was missed, and others find the record.
    if (firing.isMissed === true) return runLocked(ticked, instance, args);
    return refuseQuietly(ticked, instance, () => runClaimed(ticked, service, name, firing, instance, args));
  });
}

/** A recorded tick is claimed too, so that all know who has it before there is a row; not for what happens after a crash. */
function claimOptions(tick: TickOptions | RecordOptions): TickOptions {
  return tick.tick === 'record' ? {} : tick;
}

async function runClaimed(
  job: JobMethod,
  service: AdvisoryLockService,
  name: LockName,
  firing: Firing,
  instance: object,
  args: readonly unknown[],
): Promise<unknown> {
  if (firing.isTooLate && job.tick.tick !== 'record') {
    logger.warn(
      `Skipped ${instance.constructor.name}.${job.methodName}: it is ${firing.lateMs} ms late for ${new Date(firing.atMs).toISOString()}, ` +
        `and claims are kept for ${firing.claimMs} ms, so it cannot be told whether another instance has run it. Set \`claimMs\`.`,
    );
    return undefined;
  }
  const { onCrash = 'rerun' } = claimOptions(job.tick);
  const { overlap = 'skip' } = job.tick;
  const terms = { keepMs: firing.claimMs, isRemembered: onCrash === 'skip' };
  const isMine = await service.claim(name, firing.atMs, terms);
  if (!isMine) return busy(service, job, instance, args, name);
  if (overlap === 'queue') return runQueued(job, service, name, instance, args);
  if (overlap === 'skip') return runLocked(job, instance, args);
  return runLocked(
    {
      ...job,
      onBusy: () => {
        service.giveBackClaim(name, firing.atMs);
        return busy(service, job, instance, args, name);
      },
    },
    instance,
    args,
  );
}

/** Waits for the run before, if no other tick does so already. */
async function runQueued(
  job: JobMethod,
  service: AdvisoryLockService,
  name: LockName,
  instance: object,
  args: readonly unknown[],
): Promise<unknown> {
  const place = await service.tryAcquire(`${describeNames(name)}@queue`);
  if (place === undefined) return busy(service, job, instance, args, name);
  try {
    const method: JobMethod['method'] = async function (this: object, ...given) {
      await place.release();
      return job.method.apply(this, given);
    };
    return await runLocked({ ...job, method, lockOptions: { waitMs: Infinity } }, instance, args);
  } finally {
    await place.release();
  }
}
