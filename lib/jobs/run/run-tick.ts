import { Logger } from '@nestjs/common';
import type { AdvisoryLockService } from '../../nest/advisory-lock.service.js';
import { runForTick, type Tick } from './current-tick.js';
import type { Firing } from '../schedule/firing.js';
import type { JobCall } from './job-call.js';
import { type RecordOptions, retainMsOf } from '../records/record.options.js';
import { recordedMethod } from '../records/recorded-method.js';
import type { TickOptions } from '../tick.options.js';
import { describeNames, type LockName } from '../../core/index.js';
import type { JobMethod } from './job-method.js';
import { busy, describeMethod, refuseQuietly, runLocked } from '../../locking/run-locked.js';

/** A call of a job's method by its timer. */
export interface FiredCall {
  readonly service: AdvisoryLockService;
  /** Of the job's lock. */
  readonly name: LockName;
  readonly firing: Firing;
  readonly instance: object;
  readonly args: readonly unknown[];
  /** Who notes what becomes of it. */
  readonly call: JobCall;
}

const logger = new Logger('AdvisoryLock');

/** Runs the job for its tick, unless this instance does not lead, another one has had the tick, or it is too late to tell. */
export async function runTick(fired: FiredCall, job: JobMethod): Promise<unknown> {
  const { service, name, firing, instance, args, call } = fired;
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
    return refuseQuietly(ticked, instance, () => runClaimed(fired, ticked));
  });
}

/** A recorded tick is claimed too, so that all know who has it before there is a row; not for what happens after a crash. */
export function claimOptions(tick: TickOptions | RecordOptions): TickOptions {
  return tick.tick === 'record' ? {} : tick;
}

async function runClaimed(fired: FiredCall, job: JobMethod): Promise<unknown> {
  const { service, name, firing, instance, args } = fired;
  if (isTooLate(fired, job)) return undefined;
  const { onCrash = 'rerun' } = claimOptions(job.tick);
  const { overlap = 'skip' } = job.tick;
  const terms = { keepMs: firing.claimMs, isRemembered: onCrash === 'skip' };
  // Jobs that share a lock have ticks of their own. The method's name, as the class's may be another in each build.
  const due = `${job.methodName}@${new Date(firing.atMs).toISOString()}`;
  const isMine = await service.claim(name, due, terms);
  if (!isMine) return busy(service, job, instance, args, name, 'claimed');
  // The way to the database may have been slow, or this process frozen.
  if (isTooLate(fired, job)) return undefined;
  if (overlap === 'queue') return runQueued(fired, job);
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

/** Whether the claim of another instance may have expired, so that it cannot be told whether it has run; notes that. */
function isTooLate({ firing, instance, call }: FiredCall, { tick, methodName }: JobMethod): boolean {
  // A record tells what claims cannot.
  if (tick.tick === 'record' || !firing.isTooLate()) return false;
  const { atMs, claimMs } = firing;
  call.skipped('too-late');
  logger.warn(
    `Skipped ${describeMethod(instance, methodName)}: it is ${Date.now() - atMs} ms late for ${new Date(atMs).toISOString()}, ` +
      `and claims are kept for ${claimMs} ms, so it cannot be told whether another instance has run it. Set \`claimMs\`.`,
  );
  return true;
}

/** Waits for the run before, if no other tick does so already. */
async function runQueued({ service, name, instance, args }: FiredCall, job: JobMethod): Promise<unknown> {
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
