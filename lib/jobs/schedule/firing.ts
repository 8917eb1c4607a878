import { executionAsyncResource } from 'node:async_hooks';
import { claimMsOf } from './claim-ms.js';
import { type FiringJob, type FiringTick, FiringTicks } from './firing-ticks.js';
import { takeMissed } from '../records/missed-tick.js';
import { slotAt } from './period.js';
import { Ticks } from './ticks.js';

/** A timer of a job that is calling its method right now. */
export interface Firing {
  /** What it is due for, in milliseconds since 1970: what identifies the tick in the whole fleet. */
  readonly atMs: number;
  readonly lateMs: number;
  /** For how long after this moment another instance may fire for the same tick, as far as clocks are sane. */
  readonly claimMs: number;
  /** For how long it waits for the run of another tick to end before that counts as one that takes longer than the period. */
  readonly graceMs: number;
  /** Whether it is by now so late that a claim on its tick may have expired. */
  isTooLate(): boolean;
  /** Whether it is called long after its timer would have fired, as nobody was there. */
  readonly isMissed?: boolean;
}

/** The little of a `SchedulerRegistry` that is used here. */
export interface Scheduler {
  getCronJobs(): Map<string, CronJob>;
  getIntervals(): string[];
  getInterval(name: string): unknown;
}

/** A job of `cron` that the scheduler keeps. */
export interface CronJob extends FiringJob {
  /** What the job was made with; @ExclusiveCron gives it the decoration's own mark. */
  readonly context?: unknown;
  readonly isCallbackRunning: boolean;
  /** By how much a firing that was missed may be late to be made up for, in milliseconds. */
  readonly threshold: number;
  /** Whether its timer is set. */
  readonly isActive: boolean;
}

/** How the firing of a decorated method is found. To be asked before anything is awaited. */
export type FindFiring = (
  scheduler: Scheduler,
  claimMs: number | undefined,
) => Firing | undefined | Promise<Firing | undefined>;

/** Runs of ticks that are a period apart come together when clocks are apart, or an instance was busy. */
const LONGEST_GRACE_MS = 5_000;

const firingTicks = new FiringTicks();

/** Of a job of `cron` that was made with this mark. */
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
 * A job that is made in the very moment of a tick fires while it is made, before it is in the registry. A call by hand, and
 * `runOnInit`, also come before, but not so soon after a tick; where they do, they may have it.
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

function jobsOf(scheduler: Scheduler, mark: object): CronJob[] {
  return [...scheduler.getCronJobs().values()].filter(({ context }) => context === mark);
}

/** The job that was made with this mark; none before the scheduler has made it. */
export function findCronJob(scheduler: Scheduler, mark: object): CronJob | undefined {
  return jobsOf(scheduler, mark)[0];
}

/** Of an interval of this period. Node tells which timer has called. */
export function intervalFiring(periodMs: number): FindFiring {
  return (scheduler, claimMs) => {
    const caller = executionAsyncResource();
    if (!scheduler.getIntervals().some((name) => scheduler.getInterval(name) === caller)) return undefined;
    const now = Date.now();
    const atMs = slotAt(now, periodMs);
    // An instance may fire anywhere in the period, so its claim has to last until the period is over everywhere.
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
  return Math.min(periodMs / 2, LONGEST_GRACE_MS);
}
