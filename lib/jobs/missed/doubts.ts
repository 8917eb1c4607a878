import type { KnownJob } from '../control/known-jobs.js';
import type { DueTick } from './due-jobs.js';

/** Of each job, so many ticks are in doubt at once; the oldest are forgotten. */
const MAX_DOUBTS = 20;

/**
 * How often it is tried to settle a tick. With the longest pauses between the tries, that takes less time
 * than the instance that has judged a tick keeps the others from judging it again.
 */
const MAX_TRIES = 12;

interface Doubt extends DueTick {
  triesLeft: number;
}

/** The ticks of this instance that may have run in another one, or in none. */
export class Doubts {
  private readonly doubts = new Map<KnownJob, Doubt[]>();

  get isEmpty(): boolean {
    return this.doubts.size === 0;
  }

  add({ job, atMs }: DueTick): void {
    const doubts = this.doubts.get(job) ?? [];
    this.doubts.set(job, doubts);
    doubts.push({ job, atMs, triesLeft: MAX_TRIES });
    if (doubts.length > MAX_DOUBTS) doubts.shift();
  }

  /** So many of them, those first that have been in doubt for longest. */
  first(count: number): readonly DueTick[] {
    return [...this.doubts.values()]
      .flat()
      .sort((one, other) => one.triesLeft - other.triesLeft)
      .slice(0, count);
  }

  /** These are settled. */
  remove(ticks: readonly DueTick[]): void {
    const settled = new Set(ticks);
    this.keep((doubt) => !settled.has(doubt));
  }

  /** A try has not settled these, as far as they are still in doubt. After the last one they are given up. */
  tried(ticks: readonly DueTick[]): void {
    const tried = new Set(ticks);
    this.keep((doubt) => {
      if (tried.has(doubt)) doubt.triesLeft -= 1;
      return doubt.triesLeft > 0;
    });
  }

  private keep(isKept: (doubt: Doubt) => boolean): void {
    for (const [job, doubts] of this.doubts) {
      const kept = doubts.filter(isKept);
      if (kept.length > 0) this.doubts.set(job, kept);
      else this.doubts.delete(job);
    }
  }
}
