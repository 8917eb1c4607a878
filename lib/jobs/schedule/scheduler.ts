import type { FiringJob } from './firing-ticks.js';

/** The little of a `SchedulerRegistry` that is used here. */
export interface Scheduler {
  getCronJobs(): Map<string, CronJob>;
  getIntervals(): string[];
  getInterval(name: string): unknown;
}

/** A job of `cron` that the scheduler keeps. */
export interface CronJob extends FiringJob {
  /** What the job was made with; @ExclusiveCron gives it the decoration's own mark. */
  readonly context?: unknown;
  readonly isCallbackRunning: boolean;
  /** By how much a firing that was missed may be late to be made up for, in milliseconds. */
  readonly threshold: number;
  /** Whether its timer is set. */
  readonly isActive: boolean;
}

/** The jobs that were made with this mark. */
export function jobsOf(scheduler: Scheduler, mark: object): CronJob[] {
  return [...scheduler.getCronJobs().values()].filter(({ context }) => context === mark);
}

/** The job that was made with this mark; none before the scheduler has made it. */
export function findCronJob(scheduler: Scheduler, mark: object): CronJob | undefined {
  return jobsOf(scheduler, mark)[0];
}
