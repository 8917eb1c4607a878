import { describe, LockConfigurationError } from '../../core/index.js';
import { Calendar } from '../calendar/calendar.js';
import { zoneOf } from './ticks.js';

/** The part of the options of `@Cron` that says when a job is due. */
export interface CronTimeOptions {
  readonly timeZone?: string | null | undefined;
  readonly utcOffset?: number | null | undefined;
}

/**
 * Refuses what `cron` would refuse without the name of the job, or never fire.
 *
 * @param time - an expression, a `Date` or a Luxon `DateTime`.
 * @throws `LOCK_CONFIGURATION`
 */
export function checkCronTime(job: string, time: unknown, options: CronTimeOptions): void {
  try {
    check(time, options);
  } catch (cause) {
    if (!(cause instanceof LockConfigurationError)) throw cause;
    throw new LockConfigurationError(`${job} cannot be scheduled. ${cause.message}`, { cause });
  }
}

function check(time: unknown, { timeZone, utcOffset }: CronTimeOptions): void {
  if (timeZone != null && utcOffset != null) {
    throw new LockConfigurationError(
      `A schedule must have a \`timeZone\` or a \`utcOffset\`, received both: ${describe(timeZone)} and ` +
        `${describe(utcOffset)}. Leave out one of them.`,
    );
  }
  if (utcOffset != null && !Number.isInteger(utcOffset)) {
    throw new LockConfigurationError(
      `The \`utcOffset\` must be a whole number of minutes, received ${describe(utcOffset)}.`,
    );
  }
  const zone = zoneOf({ timeZone: timeZone ?? (utcOffset == null ? 'system' : undefined), utcOffset });
  if (typeof time === 'string') {
    if (new Calendar(time, zone).after(Date.now()) !== undefined) return;
    throw new LockConfigurationError(
      `A cron expression must name a day that comes, received ${JSON.stringify(time)}.`,
    );
  }
  const dateMs = millisecondsOf(time);
  if (dateMs !== undefined && dateMs > Date.now()) return;
  throw new LockConfigurationError(
    'The time of a job must be a cron expression, or a Date or a Luxon DateTime in the future, received ' +
      `${dateMs === undefined ? describe(time) : new Date(dateMs).toISOString()}.`,
  );
}

function millisecondsOf(time: unknown): number | undefined {
  const ms: unknown =
    time instanceof Date ? time.getTime() : (time as { toMillis?: () => unknown } | null)?.toMillis?.();
  return typeof ms === 'number' && !Number.isNaN(ms) ? ms : undefined;
}
