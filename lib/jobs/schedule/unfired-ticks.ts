import { runOutside } from '../../core/index.js';
import { fireFor, hasFiredFor } from './find-firing.js';
import { type CronJob, cronJobsIn, type Scheduler } from './scheduler.js';
import { Ticks } from './ticks.js';

/** `cron` fires for every tick that is further than this from a change of the clocks, in milliseconds. */
const NEAR_CHANGE_MS = 3 * 3_600_000;

/** The timer of `cron` has this long to fire, in milliseconds: less than the second between two ticks. */
const GRACE_MS = 500;

/** How often to look for what is new, in milliseconds: clocks are set, and jobs get other times. */
const CHECK_MS = 60_000;

/** After so long, in milliseconds, the schedulers have made their jobs, which they do in the same hook. */
const FIRST_CHECK_MS = 1_000;

interface CheckedJob {
  readonly job: CronJob;
  readonly mark: object;
  /** The instant until which its ticks are done. */
  readonly fromMs: number;
}

/**
 * Runs the ticks that `cron` does not fire for, as its calendar has no such instant: in the hour that comes
 * twice, the second ticks of a job with `*` in the minute and some hours; in Lord Howe, where clocks change
 * by half an hour, the end of the gap.
 *
 * It does not predict what `cron` does, which depends on when its timer was set. Around a change of the
 * clocks it looks after each tick whether the timer has fired.
 */
export class UnfiredTicks {
  /** Each with the instant at which it was added. Weak, as an application may make jobs without end. */
  private readonly marks = new WeakMap<object, number>();
  private hasMarks = false;
  private isStarted = false;
  private checkedMs = Infinity;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly findSchedulers: () => readonly Scheduler[]) {}

  /** Includes the jobs that were made with this mark, now or later. */
  add(mark: object): void {
    this.marks.set(mark, Date.now());
    this.hasMarks = true;
    if (this.isStarted) this.plan(FIRST_CHECK_MS);
  }

  start(): void {
    this.checkedMs = Date.now();
    this.isStarted = true;
    if (this.hasMarks) this.plan(FIRST_CHECK_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.isStarted = false;
  }

  private plan(maxMs = CHECK_MS): void {
    clearTimeout(this.timer);
    const nextMs = Math.min(...this.jobs().map(({ job, fromMs }) => nextNearChange(job, fromMs)));
    const waitMs = Math.min(nextMs + GRACE_MS - Date.now(), maxMs);
    const check = (): void => {
      this.check();
    };
    this.timer = runOutside(() => setTimeout(check, Math.max(waitMs, 1)));
    this.timer.unref();
  }

  private check(): void {
    const untilMs = Math.max(this.checkedMs, Date.now() - GRACE_MS);
    for (const { job, mark, fromMs } of this.jobs()) {
      const [tick] = job.isActive ? new Ticks(job.cronTime).between(fromMs, untilMs, 1) : [];
      if (tick !== undefined && isNearChange(job, tick) && !hasFiredFor(job, tick)) fireFor(job, mark, tick);
    }
    this.checkedMs = untilMs;
    this.plan();
  }

  private jobs(): CheckedJob[] {
    return cronJobsIn(this.findSchedulers()).flatMap((job) => {
      const mark = job.context as object;
      const addedMs = this.marks.get(mark);
      return addedMs === undefined ? [] : [{ job, mark, fromMs: Math.max(addedMs, this.checkedMs) }];
    });
  }
}

/** The next tick, if it is near a change of the clocks; else there is nothing to do until the next check. */
function nextNearChange(job: CronJob, afterMs: number): number {
  const tick = new Ticks(job.cronTime).after(afterMs);
  return tick !== undefined && isNearChange(job, tick) ? tick : Infinity;
}

function isNearChange(job: CronJob, atMs: number): boolean {
  return new Ticks(job.cronTime).isNearChange(atMs, NEAR_CHANGE_MS);
}
