import { Interval } from '@nestjs/schedule';
import type { LockedJobDecorator } from '../locking/async-method.js';
import { checkOptions, oneOf, type OptionRules, ownOptions } from '../core/index.js';
import { delayFiring, intervalFiring } from './schedule/find-firing.js';
import { delayTimes, intervalTimes } from './schedule/job-times.js';
import { pollMsOf } from './schedule/poll-ms.js';
import type { ExclusiveJobOptions } from './exclusive-job.options.js';
import { exclusiveTimer, type ExclusiveTimerArguments } from './exclusive-timer.js';

const intervalRules: OptionRules = { every: oneOf('period', 'delay') };

/**
 * The options of `@ExclusiveInterval`.
 *
 * @example
 * ```ts
 * @ExclusiveInterval(30_000, { every: 'delay' })
 * async poll(): Promise<void> {}
 * ```
 */
export interface ExclusiveIntervalOptions extends ExclusiveJobOptions {
  /**
   * `'period'`: at most one run in each period, however long a run takes. `'delay'`: a run starts that long
   * after the end of the previous one, wherever in the fleet that was, and the first one that long after the
   * start. One instance runs them; when it stops, another one takes over within some seconds, and waits for a
   * whole delay.
   * @default 'period'
   */
  readonly every?: 'period' | 'delay';
}

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
export function ExclusiveInterval(ms: number, options?: ExclusiveIntervalOptions): LockedJobDecorator;
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
  options?: ExclusiveIntervalOptions,
): LockedJobDecorator;
export function ExclusiveInterval(
  ...args: ExclusiveTimerArguments<ExclusiveIntervalOptions>
): LockedJobDecorator {
  return exclusiveTimer('@ExclusiveInterval', Interval, args, (ms, given = {}) => {
    const { every = 'period', ...options } = ownOptions(given);
    checkOptions({ every }, intervalRules, '@ExclusiveInterval');
    const timer =
      every === 'period'
        ? { timerMs: ms, findFiring: intervalFiring(ms), findTimes: intervalTimes(ms) }
        : { timerMs: pollMsOf(ms), findFiring: delayFiring(), findTimes: delayTimes(ms), delayMs: ms };
    return [timer, options];
  });
}
