import type { DiscoveryService } from '@nestjs/core';
import { type CronJob, findCronJob, type Scheduler } from '../cron/firing.js';
import type { CronSchedule } from '../cron/cron-schedule.js';
import { Ticks } from '../cron/ticks.js';
import { exclusiveJobsOf, jobLockName } from '../decorators/exclusive-job.metadata.js';
import { allProvided } from '../discovery/all-provided.js';
import { describeNames } from '../engine/lock-key.js';
import { type KnownSchedule, SHOWN_TICKS } from './dashboard-jobs.js';
import { DueTicks } from './due-ticks.js';

/** The schedules of the cron jobs that this instance has itself. */
export class JobSchedules {
  private readonly dueTicks = new WeakMap<CronSchedule, DueTicks>();
  private marks: ReadonlyMap<string, object> | undefined;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly findScheduler: () => Scheduler | undefined,
    /** The slot of the service whose jobs are meant. */
    private readonly slot: symbol,
  ) {}

  /** By the name of the job's lock; none for a job that is not scheduled here, or not by `cron`. */
  of(lockName: string): KnownSchedule | undefined {
    const scheduler = this.findScheduler();
    const job = scheduler === undefined ? undefined : this.cronJobOf(scheduler, lockName);
    if (job?.isActive !== true) return undefined;
    const { cronTime } = job;
    const ticks = new Ticks(cronTime);
    const due = this.dueTicks.get(cronTime) ?? new DueTicks(ticks, SHOWN_TICKS);
    this.dueTicks.set(cronTime, due);
    return {
      dueBetween: (afterMs, untilMs) => due.between(afterMs, untilMs),
      nextAtMs: () => due.nextMs(Date.now()),
    };
  }

  private cronJobOf(scheduler: Scheduler, lockName: string): CronJob | undefined {
    this.marks ??= this.findMarks();
    const mark = this.marks.get(lockName);
    // A job that was made at run time is in the registry under its name, which is that of its lock unless it was given another.
    return mark === undefined ? scheduler.getCronJobs().get(lockName) : findCronJob(scheduler, mark);
  }

  private findMarks(): Map<string, object> {
    const marks = new Map<string, object>();
    for (const { instance } of allProvided(this.discovery)) {
      for (const [methodName, job] of exclusiveJobsOf(instance)) {
        if (job.mark === undefined || job.slot !== this.slot) continue;
        marks.set(describeNames(jobLockName(instance, String(methodName), job)), job.mark);
      }
    }
    return marks;
  }
}
