import type { KnownJob } from '../control/known-jobs.js';
import type { Scheduler } from '../schedule/scheduler.js';

/** A timer has this long to fire, in milliseconds, before its tick counts as due. */
const GRACE_MS = 500;

/** New jobs are found, and others predicted again, at least this often, in milliseconds. */
const RESCAN_MS = 60_000;

/** The wall clock was set, or the machine suspended, when it is further than this from the steady one. */
const MAX_JUMP_MS = 1_000;

/** Of each job, at most this many ticks are due at once: the newest. */
const MAX_TICKS = 20;

/** A tick that was due while this instance had the job, with its timer set. */
export interface DueTick {
  readonly job: KnownJob;
  readonly atMs: number;
}

interface Prediction {
  /** Another object after each change of the schedule. */
  readonly schedule: object;
  readonly nextMs: number;
}

/**
 * Which ticks come due here. A tick is due when it was predicted, and the schedule is still the same and
 * running: a start, a stop, another time and a clock that is set make none.
 */
export class DueJobs {
  private readonly predictions = new Map<KnownJob, Prediction>();
  private wallMs = Date.now();
  private steadyMs = performance.now();
  private scannedAt = -Infinity;

  constructor(
    private readonly jobsOf: () => readonly KnownJob[],
    private readonly findSchedulers: () => readonly Scheduler[],
  ) {}

  /** The ticks that have come due since the last call. */
  next(): DueTick[] {
    const now = Date.now() - GRACE_MS;
    if (this.hasJumped()) this.predictions.clear();
    const jobs = this.scan() ? this.jobsOf() : [...this.predictions.keys()];
    const schedulers = this.findSchedulers();
    return jobs.flatMap((job) => {
      const predicted = this.predictions.get(job);
      if (predicted !== undefined && predicted.nextMs > now) return [];
      const times = job.isTimed ? job.findTimes?.(schedulers) : undefined;
      if (times?.schedule === undefined) {
        this.predictions.delete(job);
        return [];
      }
      const { schedule } = times;
      this.predictions.set(job, { schedule, nextMs: times.after(now) ?? Infinity });
      const isSame = predicted?.schedule === schedule;
      const due = isSame ? times.between(predicted.nextMs - 1, now, MAX_TICKS) : [];
      return due.map((atMs) => ({ job, atMs }));
    });
  }

  /** In how many milliseconds to call {@link DueJobs.next} again. */
  get waitMs(): number {
    const nextMs = [...this.predictions.values()].reduce((min, each) => Math.min(min, each.nextMs), Infinity);
    return Math.min(Math.max(1, nextMs + GRACE_MS - Date.now()), RESCAN_MS);
  }

  private hasJumped(): boolean {
    const [wallMs, steadyMs] = [Date.now(), performance.now()];
    const jumpMs = wallMs - this.wallMs - (steadyMs - this.steadyMs);
    [this.wallMs, this.steadyMs] = [wallMs, steadyMs];
    return Math.abs(jumpMs) > MAX_JUMP_MS;
  }

  /** Whether it is time to look at all jobs; a job that is stopped and started again is predicted again. */
  private scan(): boolean {
    if (performance.now() - this.scannedAt < RESCAN_MS) return this.predictions.size === 0;
    this.scannedAt = performance.now();
    const known = new Set(this.jobsOf());
    for (const [job, { nextMs }] of this.predictions) {
      if (!known.has(job) || nextMs === Infinity) this.predictions.delete(job);
    }
    return true;
  }
}
