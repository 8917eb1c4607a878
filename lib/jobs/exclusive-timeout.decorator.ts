import { Timeout } from '@nestjs/schedule';
import type { LockedJobDecorator } from '../locking/async-method.js';
import type { ExclusiveJobOptions } from './exclusive-job.options.js';
import { timeoutFiring } from './schedule/find-firing.js';
import { exclusiveTimer, type ExclusiveTimerArguments } from './exclusive-timer.js';

/**
 * `@Timeout` of @nestjs/schedule, and a lock. The job is due once in each instance, `ms` after its start, and
 * runs in one instance of the fleet at a time. An instance that finds the lock held skips the job
 * permanently, with a line at debug level. While the database cannot be reached, no instance runs it.
 *
 * This is not one run per fleet: instances that start one after the other, or again, each run the job, unless
 * it is running in another instance at that moment.
 *
 * @param ms - the time from the start of the application, in milliseconds: a whole number from 1 to
 * 2147483647, some 24 days.
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) at decoration time, for an invalid time or
 * option, for anything but an instance method, or when the method already has a schedule: @nestjs/schedule
 * keeps one schedule per method and would silently drop the first.
 * @example
 * ```ts
 * @ExclusiveTimeout(5_000)
 * async warmUp(): Promise<void> {}
 * ```
 */
export function ExclusiveTimeout(ms: number, options?: ExclusiveJobOptions): LockedJobDecorator;
/**
 * The same with a name, by which `SchedulerRegistry.getTimeout(name)` finds the timer. The lock does not take
 * this name.
 *
 * @param name - the name of the timer.
 * @param ms - as above, in milliseconds.
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) as above.
 *
 * @example
 * ```ts
 * @ExclusiveTimeout('warm up', 5_000, { lock: 'warm up' })
 * async warmUp(): Promise<void> {}
 * ```
 */
export function ExclusiveTimeout(name: string, ms: number, options?: ExclusiveJobOptions): LockedJobDecorator;
export function ExclusiveTimeout(...args: ExclusiveTimerArguments): LockedJobDecorator {
  return exclusiveTimer('@ExclusiveTimeout', Timeout, args, (timerMs, options) => [
    { timerMs, findFiring: timeoutFiring() },
    options ?? {},
  ]);
}
