import type { FiringJob } from './firing-ticks.js';

/** The part of a `SchedulerRegistry` that is used here. */
export interface Scheduler {
  getCronJobs(): Map<string, CronJob>;
  getIntervals(): string[];
  getInterval(name: string): unknown;
}

/** A job of `cron` in the scheduler. */
export interface CronJob extends FiringJob {
  /** The context that the job was made with: @ExclusiveCron gives it the mark of the decoration. */
  readonly context?: unknown;
  readonly isCallbackRunning: boolean;
  /** By how much a missed firing may be late and still run, in milliseconds. */
  readonly threshold: number;
  /** Whether its timer is set. */
  readonly isActive: boolean;
}

/** The jobs that were made with this mark. */
export function jobsOf(scheduler: Scheduler, mark: object): CronJob[] {
  return [...scheduler.getCronJobs().values()].filter(({ context }) => context === mark);
}

/** The job that was made with this mark; none until the scheduler has made it. */
export function findCronJob(scheduler: Scheduler, mark: object): CronJob | undefined {
  return jobsOf(scheduler, mark)[0];
}
