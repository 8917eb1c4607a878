import { Calendar } from '../calendar/calendar.js';
import { Zone } from '../calendar/zone.js';
import type { CronSchedule } from './cron-schedule.js';

/** How an expression is dated: of the options of `@Cron`, `timeZone` wins where both are empty. */
interface ScheduleZone {
  readonly timeZone?: string | undefined;
  /** In minutes. */
  readonly utcOffset?: number | null | undefined;
}

const calendars = new WeakMap<CronSchedule, Calendar>();

/**
 * The ticks of a job of `cron`: those of its {@link Calendar}, or its one date. Not what `cron` itself
 * computes, which is wrong on the day of a clock change: 4.4 fires `0 3 * * *` at the second 02:00 as
 * well, in every zone with a change of an hour.
 *
 * A firing belongs to the newest tick that the instance's own clock has reached. The clock of `cron` has
 * always reached the tick when its timer fires, as a timer that wakes early is set again, and the timer of
 * the next tick is only set after that. So a clock that is wrong by seconds and a firing that is late by less
 * than a period make no difference. A firing that is later than that belongs to a newer tick, which does not
 * fire again in this instance; what a blocked instance missed is missed there.
 */
export class Ticks {
  private readonly calendar: Calendar | undefined;
  private readonly dateMs: number;

  constructor(schedule: CronSchedule) {
    const { source } = schedule;
    this.calendar = typeof source === 'string' ? calendarOf(schedule, source) : undefined;
    this.dateMs = typeof source === 'string' ? NaN : source.toMillis();
  }

  /** The newest tick at or before an instant; none for a date in the future. */
  at(atMs: number): number | undefined {
    if (this.calendar !== undefined) return this.calendar.at(atMs);
    return this.dateMs <= atMs ? this.dateMs : undefined;
  }

  /** The first tick after an instant; none for a date in the past. */
  after(afterMs: number): number | undefined {
    if (this.calendar !== undefined) return this.calendar.after(afterMs);
    return this.dateMs > afterMs ? this.dateMs : undefined;
  }

  /** The ticks after the first instant, up to and including the second; see {@link Calendar.between}. */
  between(afterMs: number, untilMs: number, max: number): number[] {
    if (this.calendar !== undefined) return this.calendar.between(afterMs, untilMs, max);
    return this.dateMs > afterMs && this.dateMs <= untilMs ? [this.dateMs] : [];
  }

  /**
   * The smaller of the gaps to the ticks before and after: for how long, at least, a firing can only mean
   * this tick.
   */
  periodMs(tickMs: number): number {
    const before = this.at(tickMs - 1) ?? -Infinity;
    const after = this.after(tickMs) ?? Infinity;
    return Math.min(tickMs - before, after - tickMs);
  }

  /** Whether the clocks are changed within so many milliseconds of the instant. */
  isNearChange(atMs: number, withinMs: number): boolean {
    return this.calendar?.isNearChange(atMs, withinMs) === true;
  }
}

/** A job keeps its calendar until it gets another time. */
function calendarOf(schedule: CronSchedule, expression: string): Calendar {
  const known = calendars.get(schedule);
  if (known !== undefined) return known;
  const calendar = new Calendar(expression, zoneOf(schedule));
  calendars.set(schedule, calendar);
  return calendar;
}

/**
 * The zone of a schedule, as `cron` takes it.
 *
 * @throws `LOCK_CONFIGURATION`
 */
export function zoneOf({ timeZone, utcOffset }: ScheduleZone): Zone {
  return timeZone === undefined || timeZone === '' ? Zone.ahead(utcOffset ?? 0) : Zone.named(timeZone);
}

/** The zone of a `utcOffset` as `cron` calls it. */
export function utcZone(offsetMinutes: number): string {
  const minutes = Math.abs(offsetMinutes);
  const [hour, minute] = [Math.floor(minutes / 60), minutes % 60].map((part) =>
    String(part).padStart(2, '0'),
  );
  return `UTC${offsetMinutes < 0 ? '-' : '+'}${hour}:${minute}`;
}
