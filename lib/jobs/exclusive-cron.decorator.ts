import { Cron } from '@nestjs/schedule';
import { ownOptions } from '../core/index.js';
import type { LockedJobDecorator } from '../locking/async-method.js';
import { checkCronTime } from './schedule/check-cron-time.js';
import { cronFiring } from './schedule/find-firing.js';
import { cronTimes } from './schedule/job-times.js';
import type { RecordOptions } from './records/record.options.js';
import { exclusiveJob } from './exclusive-job.js';
import type { TickOptions } from './tick.options.js';
import type { ExclusiveJobOptions, LeaderOptions } from './exclusive-job.options.js';

type CronOptions = NonNullable<Parameters<typeof Cron>[1]>;

type Without<T, Other> = T & { readonly [Name in Exclude<keyof Other, keyof T>]?: never };

/**
 * The options of `@ExclusiveCron`: all options of `@Cron`, those of the lock, and how the job is kept to one
 * run per tick.
 *
 * @example
 * ```ts
 * const nightly: ExclusiveCronOptions = { lock: 'nightly', timeZone: 'Europe/Berlin' };
 * ```
 */
export type ExclusiveCronOptions = CronOptions &
  ExclusiveJobOptions &
  LeaderOptions &
  (Without<TickOptions, RecordOptions> | Without<RecordOptions, TickOptions>);

/**
 * `@Cron` of @nestjs/schedule, once per tick in the fleet. The timer of every instance fires; the first
 * instance claims the tick and runs the job under its lock, and the others skip it with a line at debug
 * level, if their clocks are less than half of `claimMs` apart. While the database cannot be reached, no
 * instance runs it. The method gets its tick from {@link currentTick}.
 *
 * On the day of a clock change a job with a fixed hour and minute runs once: at the first of two times, or at
 * the end of the gap. With `*` in the hour or minute it goes on evenly.
 *
 * @param expression - as for `@Cron`: a cron expression, a `Date`, a Luxon `DateTime`.
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) at decoration time, for an invalid option,
 * for anything but an instance method, or when the method already has a schedule: @nestjs/schedule keeps
 * one schedule per method and would silently drop the first; at startup for a wrong expression or time
 * zone. A call of the method rejects as one of `@WithAdvisoryLock` does, with `onBusy: 'skip'` by
 * default.
 * @example
 * ```ts
 * @ExclusiveCron('0 3 * * *', { timeZone: 'Europe/Berlin' })
 * async daily(): Promise<void> {}
 *
 * @ExclusiveCron('0 4 * * *', { tick: 'record', catchUp: 'last' }) // a row per tick, which never runs twice
 * async payOut(): Promise<void> {}
 *
 * @ExclusiveCron('* * * * *', { leader: 'reports' }) // in the same instance as all jobs with that leader
 * async minutely(): Promise<void> {}
 * ```
 */
export function ExclusiveCron(
  expression: Parameters<typeof Cron>[0],
  options: ExclusiveCronOptions = {},
): LockedJobDecorator {
  const { lockOptions, tickOptions, cronOptions } = splitCronOptions(options);
  // `cron` keeps a context for its callback, which @nestjs/schedule passes on without using it: the job is
  // found by it.
  const context = {};
  const withContext: object = { ...cronOptions, context };
  const timer = {
    scheduled: Cron(expression, withContext),
    findFiring: cronFiring(context),
    findTimes: cronTimes(context),
    mark: context,
    check: (job: string) => {
      checkCronTime(job, expression, cronOptions);
    },
    isDisabled: cronOptions.disabled === true,
  };
  return exclusiveJob('@ExclusiveCron', timer, { ...lockOptions, ...tickOptions });
}

/** Splits the options into those of the lock, those of the tick, and those of `@Cron`. */
export function splitCronOptions(options: ExclusiveCronOptions) {
  const {
    lock,
    onBusy,
    connection,
    reentry,
    jitterMs,
    retry,
    historyMs,
    tick,
    claimMs,
    onCrash,
    overlap,
    catchUp,
    retain,
    leader,
    ...cronOptions
  } = ownOptions(options);
  return {
    lockOptions: { lock, onBusy, connection, reentry, jitterMs, retry, historyMs, leader },
    tickOptions: { tick, claimMs, onCrash, overlap, catchUp, retain },
    cronOptions,
  };
}
