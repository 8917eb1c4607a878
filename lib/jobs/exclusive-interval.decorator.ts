import { Interval } from '@nestjs/schedule';
import type { LockedJobDecorator } from '../locking/async-method.js';
import { intervalFiring } from './schedule/find-firing.js';
import { intervalTimes } from './schedule/job-times.js';
import type { ExclusiveJobOptions } from './exclusive-job.options.js';
import { exclusiveTimer, type ExclusiveTimerArguments } from './exclusive-timer.js';

/**
 * `@Interval` of @nestjs/schedule, once a period in the fleet: time is cut into periods that are counted from 1970, the same
 * everywhere, and at most one instance runs the job in each, though each counts from its own start. It never runs beside itself; a
 * timer that fires meanwhile, or in a period that has had its run, skips the job with a line at debug level. With the database away,
 * nobody runs it. `currentTick()` has the start of the period.
 *
 * What has to run at given times belongs under `@ExclusiveCron`.
 *
 * @param ms - the period in milliseconds: a whole number from 1 to 2147483647, some 24 days.
 * @throws {@link LockConfigurationError} at decoration time, when the period or an option cannot be, or the method has a schedule
 * already: @nestjs/schedule keeps one a method and would drop the first without a word.
 * @example
 * ```ts
 * @ExclusiveInterval(30_000)
 * async poll(): Promise<void> {}
 * ```
 */
export function ExclusiveInterval(ms: number, options?: ExclusiveJobOptions): LockedJobDecorator;
/**
 * The same under a name, by which `SchedulerRegistry.getInterval(name)` finds the timer. The lock is not called after it.
 *
 * @example
 * ```ts
 * @ExclusiveInterval('poll', 30_000, { lock: 'poll' })
 * async poll(): Promise<void> {}
 * ```
 */
export function ExclusiveInterval(
  name: string,
  ms: number,
  options?: ExclusiveJobOptions,
): LockedJobDecorator;
export function ExclusiveInterval(...args: ExclusiveTimerArguments): LockedJobDecorator {
  return exclusiveTimer('@ExclusiveInterval', Interval, args, (ms) => ({
    findFiring: intervalFiring(ms),
    findTimes: intervalTimes(ms),
  }));
}
