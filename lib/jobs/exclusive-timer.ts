import { describe, isWholeNumber, LockConfigurationError, MAX_TIMER_MS } from '../core/index.js';
import type { LockedJobDecorator } from '../locking/async-method.js';
import { exclusiveJob, type JobTimer } from './exclusive-job.js';
import type { ExclusiveJobOptions } from './exclusive-job.options.js';

/**
 * The arguments of `@ExclusiveInterval` and `@ExclusiveTimeout`: those of `@Interval` and `@Timeout`, and the
 * options of the job.
 */
export type ExclusiveTimerArguments<Options extends ExclusiveJobOptions = ExclusiveJobOptions> =
  | readonly [ms: number, options?: Options | undefined]
  | readonly [name: string, ms: number, options?: Options | undefined];

/** `@Interval` or `@Timeout` of @nestjs/schedule, which both take `(ms)` or `(name, ms)`. */
interface TimerDecorator {
  (ms: number): MethodDecorator;
  (name: string, ms: number): MethodDecorator;
}

/** The timer of a job, and how often it fires, in milliseconds. */
export interface TimerFindings extends Omit<JobTimer, 'scheduled'> {
  readonly timerMs: number;
}

/** A timer of @nestjs/schedule and a lock, in one decorator. The first argument is its name in messages. */
export function exclusiveTimer<Options extends ExclusiveJobOptions>(
  decorator: string,
  timer: TimerDecorator,
  args: ExclusiveTimerArguments<Options>,
  findings: (ms: number, options: Options | undefined) => readonly [TimerFindings, ExclusiveJobOptions],
): LockedJobDecorator {
  const [name, ms, given] = isNamed(args) ? args : [undefined, ...args];
  checkMs(decorator, ms);
  const [{ timerMs, ...found }, options] = findings(ms, given);
  const scheduled = name === undefined ? timer(timerMs) : timer(name, timerMs);
  return exclusiveJob(decorator, { scheduled, ...found }, options);
}

function isNamed<Options extends ExclusiveJobOptions>(
  args: ExclusiveTimerArguments<Options>,
): args is Extract<ExclusiveTimerArguments<Options>, readonly [string, ...unknown[]]> {
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
