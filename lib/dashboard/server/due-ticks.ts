import type { JobTimes } from '../../jobs/schedule/job-times.js';

/**
 * Remembers the latest ticks of a schedule, and the next: computing them for each snapshot would take too
 * long.
 */
export class DueTicks {
  private ticks: readonly number[] = [];
  private checkedMs: number | undefined;
  private next: { readonly afterMs: number; readonly atMs: number | undefined } | undefined;

  constructor(
    private readonly schedule: Pick<JobTimes, 'after' | 'between'>,
    private readonly max: number,
  ) {}

  /**
   * The ticks after the first instant, up to and including the second, the oldest first. Instants must not
   * decrease.
   */
  between(afterMs: number, untilMs: number): readonly number[] {
    const checkedMs = this.checkedMs ?? afterMs;
    if ((this.nextMs(checkedMs) ?? Infinity) <= untilMs) {
      this.ticks = [...this.ticks, ...this.schedule.between(checkedMs, untilMs, this.max)].slice(-this.max);
    }
    this.checkedMs = Math.max(checkedMs, untilMs);
    return this.ticks.filter((tick) => tick > afterMs);
  }

  /** The first tick after an instant. */
  nextMs(afterMs: number): number | undefined {
    const { next } = this;
    // Where there was no next tick, there may be one now: the job may have been started.
    if (next?.atMs === undefined || afterMs < next.afterMs || next.atMs <= afterMs) {
      this.next = { afterMs, atMs: this.schedule.after(afterMs) };
    }
    return this.next?.atMs;
  }
}
