import type { CronFields } from './cron-fields.js';

const DAY_MS = 86_400_000;
const DAY_S = 86_400;

/** No expression has a longer gap: from February 29, 2096 to that of 2104, as 2100 has none. */
const MAX_GAP_DAYS = 9 * 366;

type TimesOfDay = Pick<CronFields, 'hour' | 'minute' | 'second'>;

/**
 * The times on a clock on the wall that the fields of an expression name, in milliseconds since 1970 as if
 * the clock showed UTC.
 */
export class WallTimes {
  private readonly months: ReadonlySet<number>;
  private readonly daysOfMonth: ReadonlySet<number>;
  private readonly daysOfWeek: ReadonlySet<number>;
  /** The last values first. */
  private readonly backward: TimesOfDay;
  private readonly firstOfDay: number;
  private readonly lastOfDay: number;

  constructor(private readonly fields: CronFields) {
    const { month, dayOfMonth, dayOfWeek, hour, minute, second } = fields;
    this.months = new Set(month);
    this.daysOfMonth = new Set(dayOfMonth);
    this.daysOfWeek = new Set(dayOfWeek);
    this.backward = { hour: hour.toReversed(), minute: minute.toReversed(), second: second.toReversed() };
    this.firstOfDay = timeAfter(fields, -1) ?? 0;
    this.lastOfDay = timeBefore(this.backward, DAY_S) ?? 0;
  }

  /** The first one after this time; none for February 30. */
  after(wallMs: number): number | undefined {
    const today = Math.floor(wallMs / DAY_MS);
    const second = Math.floor((wallMs - today * DAY_MS) / 1_000);
    const time = this.isNamed(today) ? timeAfter(this.fields, second) : undefined;
    return time === undefined ? this.ofOtherDay(today, 1, this.firstOfDay) : today * DAY_MS + time * 1_000;
  }

  /** The last one before this time. */
  before(wallMs: number): number | undefined {
    const today = Math.floor(wallMs / DAY_MS);
    const second = (wallMs - today * DAY_MS) / 1_000;
    const time = this.isNamed(today) ? timeBefore(this.backward, second) : undefined;
    return time === undefined ? this.ofOtherDay(today, -1, this.lastOfDay) : today * DAY_MS + time * 1_000;
  }

  private ofOtherDay(today: number, direction: 1 | -1, time: number): number | undefined {
    for (let days = 1; days <= MAX_GAP_DAYS; days += 1) {
      const day = today + direction * days;
      if (this.isNamed(day)) return day * DAY_MS + time * 1_000;
    }
    return undefined;
  }

  /** As `cron` has it: where the days of the month and of the week are both limited, either is enough. */
  private isNamed(day: number): boolean {
    const date = new Date(day * DAY_MS);
    if (!this.months.has(date.getUTCMonth() + 1)) return false;
    const ofMonth = this.daysOfMonth.has(date.getUTCDate());
    const ofWeek = this.daysOfWeek.has(date.getUTCDay());
    if (this.daysOfMonth.size === 31) return ofWeek;
    return this.daysOfWeek.size === 7 ? ofMonth : ofMonth || ofWeek;
  }
}

/** The first time of day after that one, in seconds. */
function timeAfter({ hour, minute, second }: TimesOfDay, afterS: number): number | undefined {
  for (const hours of hour) {
    if (hours * 3_600 + 3_599 <= afterS) continue;
    for (const minutes of minute) {
      const startS = hours * 3_600 + minutes * 60;
      const found = startS + 59 <= afterS ? undefined : second.find((each) => startS + each > afterS);
      if (found !== undefined) return startS + found;
    }
  }
  return undefined;
}

/** The last time of day before that one, in seconds, with the last values first. */
function timeBefore({ hour, minute, second }: TimesOfDay, beforeS: number): number | undefined {
  for (const hours of hour) {
    if (hours * 3_600 >= beforeS) continue;
    for (const minutes of minute) {
      const startS = hours * 3_600 + minutes * 60;
      const found = startS >= beforeS ? undefined : second.find((each) => startS + each < beforeS);
      if (found !== undefined) return startS + found;
    }
  }
  return undefined;
}
