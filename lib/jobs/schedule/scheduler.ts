import type { FiringJob } from './firing-ticks.js';

/** The part of a `SchedulerRegistry` that is used here. An application has one for each `ScheduleModule`. */
export interface Scheduler {
  getCronJobs(): Map<string, CronJob>;
  getIntervals(): string[];
  getInterval(name: string): unknown;
  getTimeouts(): string[];
  getTimeout(name: string): unknown;
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
  /** Calls the callback by hand. */
  fireOnTick(): unknown;
}

export function cronJobsIn(schedulers: readonly Scheduler[]): CronJob[] {
  return schedulers.flatMap((scheduler) => [...scheduler.getCronJobs().values()]);
}

/** The jobs that were made with this mark. */
export function jobsOf(schedulers: readonly Scheduler[], mark: object): CronJob[] {
  return cronJobsIn(schedulers).filter(({ context }) => context === mark);
}

/** The job that was made with this mark; none until a scheduler has made it. */
export function findCronJob(schedulers: readonly Scheduler[], mark: object): CronJob | undefined {
  return jobsOf(schedulers, mark)[0];
}
