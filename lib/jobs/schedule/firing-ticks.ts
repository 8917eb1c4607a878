import type { CronSchedule } from './cron-schedule.js';
import { Ticks } from './ticks.js';

/** The part of a `CronJob` that is used here: one in `SchedulerRegistry`, or one that a user has made. */
export interface FiringJob {
  readonly cronTime: CronSchedule;
  /** When its timer last fired: `cron` makes a new `Date` for each firing, before it calls the callback. */
  lastDate(): Date | null;
}

/** A firing's place in the schedule. */
export interface FiringTick {
  /** The nominal time, in milliseconds since 1970. It identifies the tick in the whole fleet. */
  readonly atMs: number;
  /** How much later the timer of this instance fired, by its own clock, in milliseconds. Never negative. */
  readonly lateMs: number;
}

/** Distinguishes firings of a job's timer, which have a tick, from calls by hand, which have none. */
export class FiringTicks {
  private readonly handled = new WeakMap<FiringJob, Date>();

  /**
   * The tick of the firing that is calling now. Call it before anything is awaited.
   *
   * @returns `undefined` for `job.fireOnTick()` and other calls by hand: the timer has not fired since the
   * last result. In doubt it is a firing: after one that `waitForCompletion` swallowed, the first call by
   * hand has its tick. So has `runOnInit`, which `cron` records like a firing.
   */
  tickOf(job: FiringJob): FiringTick | undefined {
    const firedAt = job.lastDate();
    if (firedAt === null || firedAt === this.handled.get(job)) return undefined;
    // Not at once: a timer that wakes a whole period late can fire two ticks together, of which `cron` keeps
    // the time of the second only. Both belong to that tick then, and neither is a call by hand.
    queueMicrotask(() => this.handled.set(job, firedAt));
    const firedAtMs = firedAt.getTime();
    const atMs = new Ticks(job.cronTime).at(firedAtMs);
    return atMs === undefined ? undefined : { atMs, lateMs: firedAtMs - atMs };
  }
}
