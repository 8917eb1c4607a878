import { Logger } from '@nestjs/common';
import type { AdvisoryLockService } from '../advisory-lock.service.js';
import { JobCall } from '../cron/job-call.js';
import { runForTick, type Tick } from '../cron/current-tick.js';
import type { FindFiring, Firing } from '../cron/firing.js';
import { type RecordOptions, retainMsOf } from '../cron/record/record.options.js';
import { recordedMethod } from '../cron/record/recorded-method.js';
import type { TickOptions } from '../cron/tick.options.js';
import { describeNames, type LockName } from '../engine/lock-key.js';
import { LockUnavailableError } from '../errors/lock-unavailable.error.js';
import {
  busy,
  describeMethod,
  type LockedMethod,
  refuseQuietly,
  runLocked,
  serviceOf,
} from './run-locked.js';

/** A method that a timer calls, and how it is kept to one run a tick. */
export interface JobMethod extends LockedMethod {
  readonly nameOf: (instance: object) => LockName;
  readonly findFiring: FindFiring;
  readonly tick: TickOptions | RecordOptions;
}

const logger = new Logger('AdvisoryLock');

/** Calls the method for the tick that its timer fires for, if nobody else in the fleet has had it. A call by hand needs the lock alone. */
export async function runJob(job: JobMethod, instance: object, args: readonly unknown[]): Promise<unknown> {
  const service = serviceOf(job, instance);
  // Before anything is awaited: later it cannot be told who has called.
  const found = service.scheduler && job.findFiring(service.scheduler, claimOptions(job.tick).claimMs);
  const firing = found instanceof Promise ? await found : found;
  const name = job.nameOf(instance);
  const called = { lockName: describeNames(name), method: describeMethod(instance, job.methodName) };
  const call = new JobCall(called, firing, service.ticks, service.events);
  const onHeld = (): void => {
    const { scheduler } = service;
    if (scheduler === undefined || firing === undefined || firing.isMissed === true) return;
    void service.heldUpJobs.look(called, service.keys.keyOf(name), firing.atMs, scheduler);
  };
  const watched = watchedJob(job, call, onHeld);
  try {
    return await (firing === undefined
      ? runLocked(watched, instance, args)
      : runFiring(watched, call, service, name, firing, instance, args));
  } catch (error) {
    if (!call.hasBegun && error instanceof LockUnavailableError) call.skipped('held');
    throw error;
  }
}

/** The job, of which the call notes what becomes. */
function watchedJob(job: JobMethod, call: JobCall, onHeld: () => void): JobMethod {
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
      if (reason === 'held') onHeld();
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

async function runFiring(
  job: JobMethod,
  call: JobCall,
  service: AdvisoryLockService,
  name: LockName,
  firing: Firing,
  instance: object,
  args: readonly unknown[],
): Promise<unknown> {
  // Who does not lead must not claim the tick.
  if (job.isItsTurn?.(service, instance) === false) {
    call.skipped('not-leader');
    return undefined;
  }
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
    return refuseQuietly(ticked, instance, () =>
      runClaimed(ticked, call, service, name, firing, instance, args),
    );
  });
}

/** A recorded tick is claimed too, so that all know who has it before there is a row; not for what happens after a crash. */
function claimOptions(tick: TickOptions | RecordOptions): TickOptions {
  return tick.tick === 'record' ? {} : tick;
}

async function runClaimed(
  job: JobMethod,
  call: JobCall,
  service: AdvisoryLockService,
  name: LockName,
  firing: Firing,
  instance: object,
  args: readonly unknown[],
): Promise<unknown> {
  // A record tells what claims cannot.
  const isTooLate = (): boolean => job.tick.tick !== 'record' && firing.isTooLate();
  if (isTooLate()) {
    call.skipped('too-late');
    warnTooLate(describeMethod(instance, job.methodName), firing);
    return undefined;
  }
  const { onCrash = 'rerun' } = claimOptions(job.tick);
  const { overlap = 'skip' } = job.tick;
  const terms = { keepMs: firing.claimMs, isRemembered: onCrash === 'skip' };
  // Jobs that share a lock have ticks of their own. The method's name, as the class's may be another in each build.
  const due = `${job.methodName}@${new Date(firing.atMs).toISOString()}`;
  const isMine = await service.claim(name, due, terms);
  if (!isMine) return busy(service, job, instance, args, name, 'claimed');
  // The way to the database may have been slow, or this process frozen.
  if (isTooLate()) {
    call.skipped('too-late');
    warnTooLate(describeMethod(instance, job.methodName), firing);
    return undefined;
  }
  if (overlap === 'queue') return runQueued(job, service, name, instance, args);
  if (overlap === 'skip') {
    return runLocked({ ...job, lockOptions: { waitMs: Math.ceil(firing.graceMs) } }, instance, args);
  }
  return runLocked(
    {
      ...job,
      onBusy: () => {
        service.giveBackClaim(name, due);
        return busy(service, job, instance, args, name);
      },
    },
    instance,
    args,
  );
}

function warnTooLate(method: string, { atMs, claimMs }: Firing): void {
  logger.warn(
    `Skipped ${method}: it is ${Date.now() - atMs} ms late for ${new Date(atMs).toISOString()}, ` +
      `and claims are kept for ${claimMs} ms, so it cannot be told whether another instance has run it. Set \`claimMs\`.`,
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
