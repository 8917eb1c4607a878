import { parseCronExpression } from './cron-fields.js';
import { WallTimes } from './wall-times.js';
import type { ClockChange, Zone } from './zone.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * The ticks of a cron expression in a time zone: the instants that it names, in milliseconds since 1970. They
 * are the same in each instance of a fleet.
 *
 * On the day of a clock change they follow the rule of Vixie and Debian cron:
 * - With a fixed minute and hour, a time that comes twice is one tick, at its first occurrence, and a time
 *   that does not exist is a tick at the end of the gap. All that is due in one gap is one tick.
 * - With `*` in the minute or the hour, as in `*` or a step of it, a tick is each instant at which the clocks
 *   show a time that matches: real time goes on evenly.
 *
 * Seconds are no part of that rule: they can be anything in both.
 *
 * @see crontab(5) of Debian, and `cron.c` of Vixie cron
 */
export class Calendar {
  private readonly times: WallTimes;
  private readonly isFixed: boolean;

  /** @throws `LOCK_CONFIGURATION` */
  constructor(
    expression: string,
    private readonly zone: Zone,
  ) {
    const fields = parseCronExpression(expression);
    this.times = new WallTimes(fields);
    this.isFixed = fields.isFixed;
  }

  /** The first tick after an instant; none for February 30. */
  after(afterMs: number): number | undefined {
    let fromMs = afterMs;
    let offsetMs = this.zone.offsetAt(afterMs);
    let wallMs = this.times.after(Math.max(afterMs + offsetMs, this.shownBefore(afterMs) - 1));
    while (wallMs !== undefined) {
      const change = this.zone.firstChange(fromMs, wallMs - offsetMs);
      if (change === undefined) return wallMs - offsetMs;
      const shownMs = change.atMs + change.afterMs;
      if (!this.isFixed) wallMs = this.times.after(shownMs - 1);
      else if (wallMs < shownMs) return change.atMs;
      fromMs = change.atMs;
      offsetMs = change.afterMs;
    }
    return undefined;
  }

  /** The newest tick at or before an instant. */
  at(atMs: number): number | undefined {
    let untilMs = atMs;
    let offsetMs = this.zone.offsetAt(atMs);
    let wallMs = this.times.before(atMs + offsetMs + 1);
    while (wallMs !== undefined) {
      const dueMs = wallMs - offsetMs;
      const isRepeated = wallMs < this.shownBefore(dueMs);
      const change = this.zone.lastChange(isRepeated ? dueMs - DAY_MS : dueMs, untilMs);
      if (change === undefined) return dueMs;
      if (this.hasTickInGap(change)) return change.atMs;
      wallMs = this.times.before(change.atMs + change.beforeMs);
      offsetMs = change.beforeMs;
      untilMs = change.atMs - 1;
    }
    return undefined;
  }

  /**
   * The ticks after the first instant, up to and including the second, the oldest first; at most the newest
   * `max`: a job of each second has 604,800 in a week.
   */
  between(afterMs: number, untilMs: number, max: number): number[] {
    const ticks: number[] = [];
    let tick = this.at(untilMs);
    while (tick !== undefined && tick > afterMs && ticks.length < max) {
      ticks.push(tick);
      tick = this.at(tick - 1);
    }
    return ticks.reverse();
  }

  /** Whether the clocks are changed within so many milliseconds before or after. */
  isNearChange(atMs: number, withinMs: number): boolean {
    return this.zone.firstChange(atMs - withinMs, atMs + withinMs) !== undefined;
  }

  /**
   * The time that the clocks had reached before they were put back: with a fixed hour and minute, what comes
   * again until then is no tick.
   */
  private shownBefore(atMs: number): number {
    const change = this.isFixed ? this.zone.lastChange(atMs - DAY_MS, atMs) : undefined;
    return change === undefined ? -Infinity : change.atMs + change.beforeMs;
  }

  private hasTickInGap({ atMs, beforeMs, afterMs }: ClockChange): boolean {
    if (!this.isFixed || afterMs < beforeMs) return false;
    return (this.times.before(atMs + afterMs) ?? -Infinity) >= atMs + beforeMs;
  }
}
