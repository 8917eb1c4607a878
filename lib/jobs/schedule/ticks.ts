import type { CronMoment, CronSchedule } from './cron-schedule.js';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/**
 * No schedule of `cron` has a longer gap, in milliseconds: from February 29, 2096 to that of 2104, as 2100
 * has none.
 */
const MAX_GAP_MS = 9 * 366 * 24 * HOUR_MS;

/**
 * The ticks of a schedule: the instants at which `cron` fires it, as milliseconds since 1970 in UTC. They are
 * the same in each instance of a fleet.
 *
 * A firing belongs to the newest tick that the instance's own clock has reached. The clock of `cron` has
 * always reached the tick when its timer fires, as a timer that wakes early is set again, and the timer of
 * the next tick is only set after that. So a clock that is wrong by seconds and a firing that is late by less
 * than a period make no difference. A firing that is later than that belongs to a newer tick, which does not
 * fire again in this instance; what a blocked instance missed is missed there.
 *
 * Around a change of the clocks the ticks are those that `cron` 4.4 fires, not those that one would expect:
 * - In the hour that does not exist, everything that is due there is one tick at its end: `30 2 * * *` fires
 *   at 03:00 in Berlin. Where January is in summer time (Lord Howe), it is the time of day shifted, 02:15
 *   becoming 02:45, and some tick before it may be added, 01:45.
 * - In the hour that comes twice, a schedule of every hour has both hours' ticks, and one of some hours
 *   (`30 2 * * *` in Berlin) those of the first only. An instance that starts between the two fires the
 *   second as well, and that firing belongs to the tick of the first.
 * - A schedule of the hour after may have an additional tick an hour early: `0 3 * * *` fires at the second
 *   02:00 and at 03:00 in Berlin, `30 2 * * *` at the second 01:30 and at 02:30 in New York. These are two
 *   ticks.
 *
 * With `timeZone: 'UTC'` or a `utcOffset` there is none of this.
 */
export class Ticks {
  private readonly zone: string;

  constructor(private readonly schedule: CronSchedule) {
    this.zone = schedule.timeZone ?? utcZone(schedule.utcOffset ?? 0);
  }

  /** The newest tick at or before an instant; none for a date in the future. */
  at(atMs: number): number | undefined {
    const dateMs = this.dateMs();
    if (dateMs !== undefined) return dateMs <= atMs ? dateMs : undefined;
    const newest = this.newestReached(atMs);
    return newest === undefined ? undefined : this.unlessRepeated(newest, atMs);
  }

  /** The first tick after an instant; none for a date in the past. */
  after(afterMs: number): number | undefined {
    const dateMs = this.dateMs();
    if (dateMs !== undefined) return dateMs > afterMs ? dateMs : undefined;
    const nextMs = this.next(afterMs).toMillis();
    return nextMs > afterMs ? nextMs : undefined;
  }

  /**
   * The ticks after the first instant, up to and including the second, the oldest first; at most the newest
   * `max`: a job of each second has 604,800 in a week.
   *
   * Luxon resolves a time of day that came twice by the offset that holds now. The ticks of an hour that came
   * twice may be incomplete, or one too many, when they are computed after that hour, and in the other half
   * of the year.
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

  /**
   * The smaller of the gaps to the ticks before and after: for how long, at least, a firing can only mean
   * this tick.
   */
  periodMs(tickMs: number): number {
    const before = this.at(tickMs - 1) ?? -Infinity;
    const after = this.after(tickMs) ?? Infinity;
    return Math.min(tickMs - before, after - tickMs);
  }

  private dateMs(): number | undefined {
    const { realDate, source } = this.schedule;
    return realDate && typeof source !== 'string' ? source.toMillis() : undefined;
  }

  private next(fromMs: number): CronMoment {
    return this.schedule.getNextDateFrom(new Date(fromMs), this.zone);
  }

  /**
   * `cron` only computes forward: back in growing steps until there is a tick, and from there to the last
   * one.
   */
  private newestReached(atMs: number): CronMoment | undefined {
    for (let backMs = SECOND_MS; backMs < MAX_GAP_MS; backMs *= 4) {
      const first = this.nextWithin(atMs - backMs, atMs);
      if (first !== undefined) return this.lastFrom(first, atMs);
    }
    return undefined;
  }

  private lastFrom(first: CronMoment, atMs: number): CronMoment {
    let last = first;
    let untilMs = atMs;
    while (untilMs - last.toMillis() > SECOND_MS) {
      const following = this.next(last.toMillis());
      if (following.toMillis() > atMs) return last;
      if (following.toMillis() > last.toMillis()) last = following;
      // Halving the rest skips the thousand ticks of a busy hour.
      const middleMs = Math.floor((last.toMillis() + untilMs) / 2);
      const beyond = this.nextWithin(middleMs, atMs);
      if (beyond === undefined) untilMs = middleMs;
      else last = beyond;
    }
    return this.nextWithin(last.toMillis(), atMs) ?? last;
  }

  private nextWithin(afterMs: number, untilMs: number): CronMoment | undefined {
    const next = this.next(afterMs);
    return next.toMillis() > afterMs && next.toMillis() <= untilMs ? next : undefined;
  }

  /**
   * In the hour that comes twice, `cron` returns another tick in an instance that has just started than in
   * those that ran through the first of the two: the ticks of the latter count.
   */
  private unlessRepeated(tick: CronMoment, atMs: number): number {
    const changeMs = clocksTurnedBack(tick);
    const lastBefore = changeMs === undefined ? undefined : this.newestReached(changeMs - 1)?.toMillis();
    if (lastBefore === undefined) return tick.toMillis();
    return this.next(lastBefore).toMillis() <= atMs ? tick.toMillis() : lastBefore;
  }
}

/** The instant at which the clocks were turned back, if that was in the hour before; to the millisecond. */
function clocksTurnedBack(moment: CronMoment): number | undefined {
  const isBefore = (backMs: number): boolean => moment.minus({ milliseconds: backMs }).offset > moment.offset;
  if (!isBefore(HOUR_MS)) return undefined;
  let afterBackMs = 0;
  let beforeBackMs = HOUR_MS;
  while (beforeBackMs - afterBackMs > 1) {
    const middleMs = Math.floor((afterBackMs + beforeBackMs) / 2);
    if (isBefore(middleMs)) beforeBackMs = middleMs;
    else afterBackMs = middleMs;
  }
  return moment.toMillis() - afterBackMs;
}

function utcZone(offsetMinutes: number): string {
  const minutes = Math.abs(offsetMinutes);
  const [hour, minute] = [Math.floor(minutes / 60), minutes % 60].map((part) =>
    String(part).padStart(2, '0'),
  );
  return `UTC${offsetMinutes < 0 ? '-' : '+'}${hour}:${minute}`;
}
