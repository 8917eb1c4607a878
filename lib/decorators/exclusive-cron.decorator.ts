import { Cron } from '@nestjs/schedule';
import type { LockedJobDecorator } from './async-method.js';
import { exclusiveJob, type ExclusiveJobOptions, type LeaderOptions } from './exclusive-job.js';

type CronOptions = NonNullable<Parameters<typeof Cron>[1]>;

/** The options of `@ExclusiveCron`: all of `@Cron`, and those of the lock. */
export type ExclusiveCronOptions = CronOptions & ExclusiveJobOptions & LeaderOptions;

/**
 * `@Cron` of @nestjs/schedule, and a lock: of the instances of a fleet whose timers fire, the one that gets the lock runs the
 * job, and the others skip it with a line at debug level. With the database away, nobody runs it.
 *
 * The lock is held while the job runs. A job that is over before another instance's clock reaches the tick can run there again.
 *
 * @param expression - as for `@Cron`: a cron expression, a `Date`, a Luxon `DateTime`.
 * @throws {@link LockConfigurationError} at decoration time, when the method has a schedule already: @nestjs/schedule keeps one
 * a method and would drop the first without a word.
 * @example
 * ```ts
 * @ExclusiveCron('0 3 * * *', { timeZone: 'Europe/Berlin' })
 * async daily(): Promise<void> {}
 *
 * @ExclusiveCron('* * * * *', { leader: 'reports' }) // always where the other jobs with that leader run
 * async minutely(): Promise<void> {}
 * ```
 */
export function ExclusiveCron(
  expression: Parameters<typeof Cron>[0],
  options: ExclusiveCronOptions = {},
): LockedJobDecorator {
  const { lock, onBusy, connection, leader, ...cronOptions } = options;
  return exclusiveJob('@ExclusiveCron', Cron(expression, cronOptions), { lock, onBusy, connection, leader });
}
