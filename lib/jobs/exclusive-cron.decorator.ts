import { Cron } from '@nestjs/schedule';
import type { LockedJobDecorator } from '../locking/async-method.js';
import { cronFiring } from './schedule/find-firing.js';
import { cronTimes } from './schedule/job-times.js';
import type { RecordOptions } from './records/record.options.js';
import { exclusiveJob } from './exclusive-job.js';
import type { TickOptions } from './tick.options.js';
import type { ExclusiveJobOptions, LeaderOptions } from './exclusive-job.options.js';

type CronOptions = NonNullable<Parameters<typeof Cron>[1]>;

type Without<T, Other> = T & { readonly [Name in Exclude<keyof Other, keyof T>]?: never };

/** The options of `@ExclusiveCron`: all of `@Cron`, those of the lock, and how one run a tick is made sure of. */
export type ExclusiveCronOptions = CronOptions &
  ExclusiveJobOptions &
  LeaderOptions &
  (Without<TickOptions, RecordOptions> | Without<RecordOptions, TickOptions>);

/**
 * `@Cron` of @nestjs/schedule, once a tick in the fleet: every instance's timer fires, the first one claims the tick and runs the job
 * under its lock, and the others skip it with a line at debug level, however far their clocks are apart within `claimMs` / 2. With the
 * database away, nobody runs it. The method learns its tick from {@link currentTick}.
 *
 * @param expression - as for `@Cron`: a cron expression, a `Date`, a Luxon `DateTime`.
 * @throws {@link LockConfigurationError} at decoration time, when the method has a schedule already: @nestjs/schedule keeps one
 * a method and would drop the first without a word.
 * @example
 * ```ts
 * @ExclusiveCron('0 3 * * *', { timeZone: 'Europe/Berlin' })
 * async daily(): Promise<void> {}
 *
 * @ExclusiveCron('0 4 * * *', { tick: 'record', catchUp: 'last' }) // a row each, and never twice
 * async payOut(): Promise<void> {}
 *
 * @ExclusiveCron('* * * * *', { leader: 'reports' }) // always where the other jobs with that leader run
 * async minutely(): Promise<void> {}
 * ```
 */
export function ExclusiveCron(
  expression: Parameters<typeof Cron>[0],
  options: ExclusiveCronOptions = {},
): LockedJobDecorator {
  const { lockOptions, tickOptions, cronOptions } = splitCronOptions(options);
  // `cron` keeps a context for its callback, which @nestjs/schedule passes on and makes no use of: by it the job is found again.
  const context = {};
  const withContext: object = { ...cronOptions, context };
  const timer = {
    scheduled: Cron(expression, withContext),
    findFiring: cronFiring(context),
    findTimes: cronTimes(context),
    mark: context,
    isDisabled: cronOptions.disabled === true,
  };
  return exclusiveJob('@ExclusiveCron', timer, { ...lockOptions, ...tickOptions });
}

/** Splits the options into those of the lock, those by which one run a tick is made sure of, and those of `@Cron`. */
export function splitCronOptions(options: ExclusiveCronOptions) {
  const {
    lock,
    onBusy,
    connection,
    tick,
    claimMs,
    onCrash,
    overlap,
    catchUp,
    retain,
    leader,
    ...cronOptions
  } = options;
  return {
    lockOptions: { lock, onBusy, connection, leader },
    tickOptions: { tick, claimMs, onCrash, overlap, catchUp, retain },
    cronOptions,
  };
}
