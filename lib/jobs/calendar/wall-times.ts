import type { CronFields } from './cron-fields.js';

const DAY_MS = 86_400_000;
const DAY_S = 86_400;

/** No expression has a longer gap: from February 29, 2096 to that of 2104, as 2100 has none. */
const MAX_GAP_DAYS = 9 * 366;

/**
 * The times on a clock on the wall that the fields of an expression name, in milliseconds since 1970 as if
 * the clock showed UTC.
 */
export class WallTimes {
  private readonly months: ReadonlySet<number>;
  private readonly daysOfMonth: ReadonlySet<number>;
  private readonly daysOfWeek: ReadonlySet<number>;

  constructor(private readonly fields: CronFields) {
    this.months = new Set(fields.month);
    this.daysOfMonth = new Set(fields.dayOfMonth);
    this.daysOfWeek = new Set(fields.dayOfWeek);
  }

  /** The first one after this time; none for February 30. */
  after(wallMs: number): number | undefined {
    const today = Math.floor(wallMs / DAY_MS);
    const second = Math.floor((wallMs - today * DAY_MS) / 1_000);
    return this.find(
      today,
      1,
      this.ofDay((time) => time > second, false),
      this.ofDay(always, false),
    );
  }

  /** The last one before this time. */
  before(wallMs: number): number | undefined {
    const today = Math.floor(wallMs / DAY_MS);
    const second = (wallMs - today * DAY_MS) / 1_000;
    return this.find(
      today,
      -1,
      this.ofDay((time) => time < second, true),
      this.ofDay(always, true),
    );
  }

  /** On that day or, in the direction, another. */
  private find(
    today: number,
    direction: 1 | -1,
    ofToday: number | undefined,
    ofOtherDay: number | undefined,
  ): number | undefined {
    if (ofToday !== undefined && this.isNamed(today)) return today * DAY_MS + ofToday * 1_000;
    for (let days = 1; days <= MAX_GAP_DAYS; days += 1) {
      const day = today + direction * days;
      if (this.isNamed(day)) return day * DAY_MS + (ofOtherDay ?? 0) * 1_000;
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

  /** The first time of day that the test accepts, or the last one, in seconds. */
  private ofDay(accepts: (time: number) => boolean, isLast: boolean): number | undefined {
    const inOrder = (values: readonly number[]): readonly number[] =>
      isLast ? [...values].reverse() : values;
    for (const hour of inOrder(this.fields.hour)) {
      // The end of the hour that is nearer to the other hours: where it fails, so does the whole hour.
      if (!accepts(hour * 3_600 + (isLast ? 0 : 3_599))) continue;
      for (const minute of inOrder(this.fields.minute)) {
        const start = hour * 3_600 + minute * 60;
        if (!accepts(start + (isLast ? 0 : 59))) continue;
        const second = inOrder(this.fields.second).find((each) => accepts(start + each));
        if (second !== undefined) return start + second;
      }
    }
    return undefined;
  }
}

function always(time: number): boolean {
  return time < DAY_S;
}
