import { Interval } from '@nestjs/schedule';
import type { LockedJobDecorator } from '../locking/async-method.js';
import { intervalFiring } from './schedule/find-firing.js';
import { intervalTimes } from './schedule/job-times.js';
import type { ExclusiveJobOptions } from './exclusive-job.options.js';
import { exclusiveTimer, type ExclusiveTimerArguments } from './exclusive-timer.js';

/**
 * `@Interval` of @nestjs/schedule, at most once per period in the fleet. Time is cut into periods that are
 * counted from 1970, the same in every instance, and at most one instance runs the job in each, although
 * every timer counts from its own start. The job never runs twice at the same time. A timer that fires
 * meanwhile, or in a period that has had its run, skips the job with a line at debug level. While the
 * database cannot be reached, no instance runs it. `currentTick()` has the start of the period.
 *
 * What must run at given times belongs under `@ExclusiveCron`.
 *
 * @param ms - the period, in milliseconds: a whole number from 1 to 2147483647, some 24 days.
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) at decoration time, for an invalid period or
 * option, for anything but an instance method, or when the method already has a schedule: @nestjs/schedule
 * keeps one schedule per method and would silently drop the first.
 * @example
 * ```ts
 * @ExclusiveInterval(30_000)
 * async poll(): Promise<void> {}
 * ```
 */
export function ExclusiveInterval(ms: number, options?: ExclusiveJobOptions): LockedJobDecorator;
/**
 * The same with a name, by which `SchedulerRegistry.getInterval(name)` finds the timer. The lock does not
 * take this name.
 *
 * @param name - the name of the timer.
 * @param ms - as above, in milliseconds.
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) as above.
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
