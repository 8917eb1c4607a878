import { executionAsyncResource } from 'node:async_hooks';
import { claimMsOf } from './claim-ms.js';
import type { Firing } from './firing.js';
import { type FiringTick, FiringTicks, NO_TICK } from './firing-ticks.js';
import { callFor, takeGiven } from './given-firing.js';
import { periodStart } from './period.js';
import { type CronJob, jobsOf, type Scheduler } from './scheduler.js';
import { Ticks } from './ticks.js';

/** The call of a timeout, which has no tick. */
export const TIMEOUT = 'timeout';

/** What calls a decorated method: a firing, one that is no tick, a timeout, or something else, by hand. */
export type FoundFiring = Firing | typeof NO_TICK | typeof TIMEOUT | undefined;

/** Finds the firing that calls the method of that object. Call it before anything is awaited. */
export type FindFiring<Found extends FoundFiring = FoundFiring> = (
  schedulers: readonly Scheduler[],
  instance: object,
  claimMs: number | undefined,
) => Found | Promise<Found>;

type FoundTick = Exclude<FoundFiring, typeof TIMEOUT>;

/**
 * Runs of ticks that are a period apart overlap when clocks are apart, or an instance was busy. In
 * milliseconds.
 */
const MAX_GRACE_MS = 5_000;

const firingTicks = new FiringTicks();

/** For a job of `cron` that was made with this mark. */
export function cronFiring(mark: object): FindFiring<FoundTick> {
  const latest = new WeakMap<object, number>();
  /** Several schedulers fire for one tick, and so does one whose clock was put back. */
  const onceOf = (instance: object, found: FoundTick): FoundTick => {
    if (typeof found !== 'object') return found;
    if (latest.get(instance) === found.atMs) return NO_TICK;
    latest.set(instance, found.atMs);
    return found;
  };
  return (schedulers, instance, claimMs) => {
    const given = takeGiven(mark, claimMs);
    if (given !== undefined) return given.isMissed === true ? given : onceOf(instance, given);
    const jobs = jobsOf(schedulers, mark);
    for (const job of jobs) {
      const tick = job.isCallbackRunning ? firingTicks.tickOf(job) : undefined;
      if (tick !== undefined) return onceOf(instance, cronFiringOf(job, tick, claimMs));
    }
    return firstFiring(schedulers, mark, jobs, claimMs).then((found) => onceOf(instance, found));
  };
}

/**
 * A job that is made at the very moment of a tick fires while it is made, before it is in the registry. A
 * call by hand and `runOnInit` may also come before that, but not so soon after a tick; where they do, they
 * may take it.
 */
async function firstFiring(
  schedulers: readonly Scheduler[],
  mark: object,
  known: readonly CronJob[],
  claimMs: number | undefined,
): Promise<FoundTick> {
  await Promise.resolve();
  for (const job of jobsOf(schedulers, mark)) {
    const tick = known.includes(job) ? undefined : firingTicks.tickOf(job);
    if (tick === NO_TICK || (tick !== undefined && tick.lateMs <= job.threshold))
      return cronFiringOf(job, tick, claimMs);
  }
  return undefined;
}

/** Whether the timer of the job has fired for the tick, or a newer one. */
export function hasFiredFor(job: CronJob, atMs: number): boolean {
  return (firingTicks.newestOf(job) ?? -Infinity) >= atMs;
}

/** Calls the job for a tick that its own timer does not fire for. */
export function fireFor(job: CronJob, mark: object, atMs: number): void {
  const tick = { atMs, lateMs: Date.now() - atMs };
  callFor(
    mark,
    (claimMs) => firingOf(job, tick, claimMs),
    () => job.fireOnTick(),
  );
}

/**
 * For an interval of this period. The async resource of Node is the timer that calls; a call that is given
 * has the object as its mark.
 */
export function intervalFiring(periodMs: number): FindFiring {
  return (schedulers, instance, claimMs) => {
    const given = takeGiven(instance, claimMs);
    if (given === undefined && !isIntervalOf(schedulers, executionAsyncResource())) return undefined;
    const now = given?.atMs ?? Date.now();
    const atMs = periodStart(now, periodMs);
    // An instance may fire anywhere in the period, so its claim must last until the period is over
    // everywhere.
    const keepMs = claimMs ?? Math.min(periodMs * 64, periodMs + claimMsOf(periodMs));
    return {
      atMs,
      isPeriod: true,
      lateMs: now - atMs,
      claimMs: keepMs,
      graceMs: graceMsOf(periodMs),
      isTooLate: () => given === undefined && Date.now() - atMs > (periodMs + keepMs) / 2,
    };
  };
}

/** For an interval that counts from the end of a run: each firing looks whether it is due. */
export function delayFiring(): FindFiring {
  return (schedulers, instance, claimMs) => {
    const given = takeGiven(instance, claimMs);
    if (given === undefined && !isIntervalOf(schedulers, executionAsyncResource())) return undefined;
    return {
      atMs: given?.atMs ?? Date.now(),
      isPeriod: true,
      lateMs: 0,
      claimMs: 0,
      graceMs: 0,
      isTooLate: () => false,
    };
  };
}

function isIntervalOf(schedulers: readonly Scheduler[], caller: object): boolean {
  return schedulers.some((scheduler) =>
    scheduler.getIntervals().some((name) => scheduler.getInterval(name) === caller),
  );
}

/** For a timeout, which has no tick: the first timer counts, those of other schedulers do not. */
export function timeoutFiring(): FindFiring {
  const called = new WeakSet();
  return (schedulers, instance) => {
    const caller = executionAsyncResource();
    const isTimer = schedulers.some((scheduler) =>
      scheduler.getTimeouts().some((name) => scheduler.getTimeout(name) === caller),
    );
    if (!isTimer) return undefined;
    if (called.has(instance)) return NO_TICK;
    called.add(instance);
    return TIMEOUT;
  };
}

function cronFiringOf(
  job: CronJob,
  tick: FiringTick | typeof NO_TICK,
  claimMs: number | undefined,
): FoundTick {
  return tick === NO_TICK ? tick : firingOf(job, tick, claimMs);
}

function firingOf(
  { cronTime }: CronJob,
  { atMs, lateMs }: FiringTick,
  givenClaimMs: number | undefined,
): Firing {
  const periodMs = new Ticks(cronTime).periodMs(atMs);
  const claimMs = givenClaimMs ?? claimMsOf(periodMs);
  // Who was first may have been early by as much as this one is late.
  const isTooLate = (): boolean => Date.now() - atMs > claimMs / 2;
  return { atMs, lateMs, claimMs, graceMs: graceMsOf(periodMs), isTooLate };
}

function graceMsOf(periodMs: number): number {
  return Math.min(periodMs / 2, MAX_GRACE_MS);
}
