import { Interval } from '@nestjs/schedule';
import type { LockedJobDecorator } from './async-method.js';
import { intervalFiring } from '../cron/firing.js';
import type { ExclusiveJobOptions } from './exclusive-job.options.js';
import { exclusiveTimer, type ExclusiveTimerArguments } from './exclusive-timer.js';

/**
 * `@Interval` of @nestjs/schedule, and a lock: at most one instance of a fleet runs the job at any moment, and no instance runs
 * it twice at once. A timer that fires meanwhile skips the job with a line at debug level. With the database away, nobody runs it.
 *
 * It is not one run a period in the fleet: each instance counts the period from its own start, so a job that is over before the
 * timer of the next instance fires runs there too, up to once a period in each. What has to run at given times belongs under
 * `@ExclusiveCron`, which fires everywhere at once.
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
  return exclusiveTimer('@ExclusiveInterval', Interval, args, intervalFiring);
}
