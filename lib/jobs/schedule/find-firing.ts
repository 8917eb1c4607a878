import { executionAsyncResource } from 'node:async_hooks';
import { takeMissed } from '../records/missed-tick.js';
import { claimMsOf } from './claim-ms.js';
import type { Firing } from './firing.js';
import { type FiringTick, FiringTicks } from './firing-ticks.js';
import { periodStart } from './period.js';
import { type CronJob, jobsOf, type Scheduler } from './scheduler.js';
import { Ticks } from './ticks.js';

/** Finds the firing that calls a decorated method. Call it before anything is awaited. */
export type FindFiring = (
  scheduler: Scheduler,
  claimMs: number | undefined,
) => Firing | undefined | Promise<Firing | undefined>;

/**
 * Runs of ticks that are a period apart overlap when clocks are apart, or an instance was busy. In
 * milliseconds.
 */
const MAX_GRACE_MS = 5_000;

const firingTicks = new FiringTicks();

/** For a job of `cron` that was made with this mark. */
export function cronFiring(mark: object): FindFiring {
  return (scheduler, claimMs) => {
    const missed = takeMissed(mark);
    if (missed !== undefined) return missed;
    const jobs = jobsOf(scheduler, mark);
    if (jobs.length === 0) return firstFiring(scheduler, mark, claimMs);
    for (const job of jobs) {
      const tick = job.isCallbackRunning ? firingTicks.tickOf(job) : undefined;
      if (tick !== undefined) return cronFiringOf(job, tick, claimMs);
    }
    return undefined;
  };
}

/**
 * A job that is made at the very moment of a tick fires while it is made, before it is in the registry. A
 * call by hand and `runOnInit` may also come before that, but not so soon after a tick; where they do, they
 * may take it.
 */
async function firstFiring(
  scheduler: Scheduler,
  mark: object,
  claimMs: number | undefined,
): Promise<Firing | undefined> {
  await Promise.resolve();
  for (const job of jobsOf(scheduler, mark)) {
    const tick = firingTicks.tickOf(job);
    if (tick !== undefined && tick.lateMs <= job.threshold) return cronFiringOf(job, tick, claimMs);
  }
  return undefined;
}

/** For an interval of this period. The async resource of Node is the timer that calls. */
export function intervalFiring(periodMs: number): FindFiring {
  return (scheduler, claimMs) => {
    const caller = executionAsyncResource();
    if (!scheduler.getIntervals().some((name) => scheduler.getInterval(name) === caller)) return undefined;
    const now = Date.now();
    const atMs = periodStart(now, periodMs);
    // An instance may fire anywhere in the period, so its claim must last until the period is over
    // everywhere.
    const keepMs = claimMs ?? Math.min(periodMs * 64, periodMs + claimMsOf(periodMs));
    return {
      atMs,
      lateMs: now - atMs,
      claimMs: keepMs,
      graceMs: graceMsOf(periodMs),
      isTooLate: () => Date.now() - atMs > (periodMs + keepMs) / 2,
    };
  };
}

function cronFiringOf(
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
