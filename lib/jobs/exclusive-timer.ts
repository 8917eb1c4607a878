import { describe, isWholeNumber, LockConfigurationError, MAX_TIMER_MS } from '../core/index.js';
import type { LockedJobDecorator } from '../locking/async-method.js';
import { exclusiveJob, type JobTimer } from './exclusive-job.js';
import type { ExclusiveJobOptions } from './exclusive-job.options.js';

/**
 * The arguments of `@ExclusiveInterval` and `@ExclusiveTimeout`: those of `@Interval` and `@Timeout`, and the
 * options of the job.
 */
export type ExclusiveTimerArguments =
  | readonly [ms: number, options?: ExclusiveJobOptions | undefined]
  | readonly [name: string, ms: number, options?: ExclusiveJobOptions | undefined];

/** `@Interval` or `@Timeout` of @nestjs/schedule, which both take `(ms)` or `(name, ms)`. */
interface TimerDecorator {
  (ms: number): MethodDecorator;
  (name: string, ms: number): MethodDecorator;
}

/** A timer of @nestjs/schedule and a lock, in one decorator. The first argument is its name in messages. */
export function exclusiveTimer(
  decorator: string,
  timer: TimerDecorator,
  args: ExclusiveTimerArguments,
  findings: (ms: number) => Omit<JobTimer, 'scheduled'>,
): LockedJobDecorator {
  const [name, ms, options] = isNamed(args) ? args : [undefined, ...args];
  checkMs(decorator, ms);
  const scheduled = name === undefined ? timer(ms) : timer(name, ms);
  return exclusiveJob(decorator, { scheduled, ...findings(ms) }, options ?? {});
}

function isNamed(
  args: ExclusiveTimerArguments,
): args is Extract<ExclusiveTimerArguments, readonly [string, ...unknown[]]> {
  return typeof args[0] === 'string';
}

/**
 * Node takes a delay that is too long, less than 1 or not a number for 1 ms: a job that is meant for once a
 * month would run a thousand times a second.
 *
 * @see https://nodejs.org/api/timers.html#settimeoutcallback-delay-args
 */
function checkMs(decorator: string, ms: unknown): void {
  if (isWholeNumber(ms, 1, MAX_TIMER_MS)) return;
  throw new LockConfigurationError(
    `The time of ${decorator} must be a whole number of milliseconds from 1 to ${MAX_TIMER_MS} (24 days), ` +
      `received ${describe(ms)}. For days or months, use @ExclusiveCron.`,
  );
}
