import { Timeout } from '@nestjs/schedule';
import type { LockedJobDecorator } from '../locking/async-method.js';
import type { ExclusiveJobOptions } from './exclusive-job.options.js';
import { exclusiveTimer, type ExclusiveTimerArguments } from './exclusive-timer.js';

/**
 * `@Timeout` of @nestjs/schedule, and a lock: the job is due once in each instance, some time after its start, and runs in one
 * instance of a fleet at a time. An instance that finds the lock held skips the job for good, with a line at debug level. With
 * the database away, nobody runs it.
 *
 * It is not one run in the fleet: instances that start one after the other, or again, each run the job, unless it is still
 * running elsewhere at that moment.
 *
 * @param ms - the time from the start of the application in milliseconds: a whole number from 1 to 2147483647, some 24 days.
 * @throws {@link LockConfigurationError} at decoration time, when the time or an option cannot be, or the method has a schedule
 * already: @nestjs/schedule keeps one a method and would drop the first without a word.
 * @example
 * ```ts
 * @ExclusiveTimeout(5_000)
 * async warmUp(): Promise<void> {}
 * ```
 */
export function ExclusiveTimeout(ms: number, options?: ExclusiveJobOptions): LockedJobDecorator;
/**
 * The same under a name, by which `SchedulerRegistry.getTimeout(name)` finds the timer. The lock is not called after it.
 *
 * @example
 * ```ts
 * @ExclusiveTimeout('warm up', 5_000, { lock: 'warm up' })
 * async warmUp(): Promise<void> {}
 * ```
 */
export function ExclusiveTimeout(name: string, ms: number, options?: ExclusiveJobOptions): LockedJobDecorator;
export function ExclusiveTimeout(...args: ExclusiveTimerArguments): LockedJobDecorator {
  return exclusiveTimer('@ExclusiveTimeout', Timeout, args, () => ({ findFiring: () => undefined }));
}
