import type { CronSchedule } from './cron-schedule.js';
import { Ticks, utcZone } from './ticks.js';

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

/** What a timer has fired for where the schedule names no instant, or one that has had its firing. */
export const NO_TICK = 'no-tick';

/** A firing that is later than this after an instant of `cron`, in milliseconds, may be one for it or not. */
const PUNCTUAL_MS = 2_000;

/** Distinguishes firings of a job's timer, which have a tick, from calls by hand, which have none. */
export class FiringTicks {
  private readonly handled = new WeakMap<FiringJob, Date>();
  private readonly newest = new WeakMap<FiringJob, number>();

  /**
   * The tick of the firing that is calling now. Call it before anything is awaited.
   *
   * @returns `undefined` for `job.fireOnTick()` and other calls by hand: the timer has not fired since the
   * last result. In doubt it is a firing: after one that `waitForCompletion` swallowed, the first call by
   * hand has its tick. So has `runOnInit`, which `cron` records like a firing.
   */
  tickOf(job: FiringJob): FiringTick | typeof NO_TICK | undefined {
    const firedAt = job.lastDate();
    if (firedAt === null || firedAt === this.handled.get(job)) return undefined;
    // Not at once: a timer that wakes a whole period late can fire two ticks together, of which `cron` keeps
    // the time of the second only. Both belong to that tick then, and neither is a call by hand.
    queueMicrotask(() => this.handled.set(job, firedAt));
    const firedAtMs = firedAt.getTime();
    const atMs = new Ticks(job.cronTime).at(firedAtMs);
    if (atMs === undefined) return undefined;
    const lateMs = firedAtMs - atMs;
    if (lateMs > PUNCTUAL_MS && firesAtNoTick(job.cronTime, firedAtMs)) return NO_TICK;
    this.newest.set(job, atMs);
    return { atMs, lateMs };
  }

  /** The tick that the timer has last fired for. */
  newestOf(job: FiringJob): number | undefined {
    return this.newest.get(job);
  }
}

/**
 * Whether `cron` has just fired for an instant of its own: the newest tick is older. A timer that was
 * held up, as in a machine that was suspended, is late for its tick instead.
 */
function firesAtNoTick(schedule: CronSchedule, firedAtMs: number): boolean {
  if (schedule.realDate) return false;
  const zone = schedule.timeZone ?? utcZone(schedule.utcOffset ?? 0);
  return schedule.getNextDateFrom(new Date(firedAtMs - PUNCTUAL_MS), zone).toMillis() <= firedAtMs;
}
