import { executionAsyncResource } from 'node:async_hooks';
import { claimMsOf } from './claim-ms.js';
import { type FiringJob, FiringTicks } from './firing-ticks.js';
import { takeMissed } from './record/missed-tick.js';
import { slotAt } from './slot.js';
import { Ticks } from './ticks.js';

/** A timer of a job that is calling its method right now. */
export interface Firing {
  /** What it is due for, in milliseconds since 1970: what identifies the tick in the whole fleet. */
  readonly atMs: number;
  readonly lateMs: number;
  /** For how long after this moment another instance may fire for the same tick, as far as clocks are sane. */
  readonly claimMs: number;
  /** Whether it comes so late that a claim on its tick may have expired. */
  readonly isTooLate: boolean;
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
  /** Whether its timer is set. */
  readonly isActive: boolean;
}

/** How the firing of a decorated method is found. To be asked before anything is awaited. */
export type FindFiring = (scheduler: Scheduler, claimMs: number | undefined) => Firing | undefined;

const firingTicks = new FiringTicks();

/** Of a job of `cron` that was made with this mark. */
export function cronFiring(mark: object): FindFiring {
  return (scheduler, claimMs) => {
    const missed = takeMissed(mark);
    if (missed !== undefined) return missed;
    for (const job of scheduler.getCronJobs().values()) {
      if (job.context !== mark || !job.isCallbackRunning) continue;
      const tick = firingTicks.tickOf(job);
      if (tick !== undefined)
        return firingOf(tick, claimMs ?? claimMsOf(new Ticks(job.cronTime).periodMs(tick.atMs)));
    }
    return undefined;
  };
}

/** The job that was made with this mark; none before the scheduler has made it. */
export function findCronJob(scheduler: Scheduler, mark: object): CronJob | undefined {
  return [...scheduler.getCronJobs().values()].find(({ context }) => context === mark);
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
    return { atMs, lateMs: now - atMs, claimMs: keepMs, isTooLate: false };
  };
}

function firingOf({ atMs, lateMs }: { atMs: number; lateMs: number }, claimMs: number): Firing {
  // Who was first may have been early by as much as this one is late.
  return { atMs, lateMs, claimMs, isTooLate: lateMs > claimMs / 2 };
}
