import { findCronJob, type Scheduler } from './scheduler.js';
import { periodStart } from './period.js';
import { Ticks } from './ticks.js';

/** When a job is due, in milliseconds since 1970. */
export interface JobTimes {
  /** The schedule as text: a cron expression, or `every 5000 ms`. */
  readonly text: string;
  /**
   * How long after an instant the timers of all instances have fired for it, in milliseconds, if clocks are
   * correct.
   */
  readonly spreadMs: number;
  /**
   * The instants after the first, up to and including the second, the oldest first; at most the newest `max`.
   */
  between(afterMs: number, untilMs: number, max: number): number[];
  /** Of a job of `cron`: another object after each change of its schedule. */
  readonly schedule?: object;
  /** Of a job of `cron`: the smaller of the gaps to the instants before and after, in milliseconds. */
  readonly periodMs?: (atMs: number) => number;
  /** The first instant after this one, if there is one. */
  after(afterMs: number): number | undefined;
}

/** Finds the times of a job once the scheduler has its timer. */
export type FindTimes = (schedulers: readonly Scheduler[]) => JobTimes | undefined;

/** For a job of `cron` that was made with this mark. */
export function cronTimes(mark: object): FindTimes {
  return (schedulers) => {
    const job = findCronJob(schedulers, mark);
    if (job === undefined) return undefined;
    const { source } = job.cronTime;
    const ticks = new Ticks(job.cronTime);
    return {
      text: typeof source === 'string' ? source : new Date(source.toMillis()).toISOString(),
      spreadMs: 0,
      schedule: job.cronTime,
      periodMs: (atMs) => ticks.periodMs(atMs),
      // A job that is disabled or stopped is not due.
      between: (afterMs, untilMs, max) => (job.isActive ? ticks.between(afterMs, untilMs, max) : []),
      after: (afterMs) => (job.isActive ? ticks.after(afterMs) : undefined),
    };
  };
}

/** For an interval, whose periods are counted from 1970. */
export function intervalTimes(periodMs: number): FindTimes {
  const times: JobTimes = {
    text: `every ${periodMs} ms`,
    spreadMs: periodMs,
    between(afterMs, untilMs, max) {
      const last = periodStart(untilMs, periodMs);
      const count = Math.min(max, Math.floor((last - periodStart(afterMs, periodMs)) / periodMs));
      return Array.from({ length: count }, (_, n) => last - (count - 1 - n) * periodMs);
    },
    after: (afterMs) => periodStart(afterMs, periodMs) + periodMs,
  };
  return () => times;
}

/** For an interval that counts from the end of a run: when it is due depends on how long its runs take. */
export function delayTimes(delayMs: number): FindTimes {
  const times: JobTimes = {
    text: `${delayMs} ms after the end`,
    spreadMs: 0,
    between: () => [],
    after: () => undefined,
  };
  return () => times;
}
