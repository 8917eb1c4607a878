import type { JobRuntime } from '../../jobs/job-runtime.js';
import { jobIdOf } from '../../jobs/run/job-name.js';
import type { JobTimes } from '../../jobs/schedule/job-times.js';
import type { ReportedJob } from '../../fleet/instance-report.js';
import { type KnownSchedule, SHOWN_TICKS } from './dashboard-jobs.js';
import { DueTicks } from './due-ticks.js';

type Named = Pick<ReportedJob, 'name' | 'method'>;

/** The schedules of the jobs that this instance itself has. */
export class JobSchedules {
  private readonly known = new Map<string, { readonly times: JobTimes; readonly due: DueTicks }>();

  constructor(private readonly jobs: Pick<JobRuntime, 'schedulers' | 'ticks'>) {}

  of({ name, method }: Named): KnownSchedule | undefined {
    const times = this.timesOf({ name, method });
    if (times === undefined) return undefined;
    const id = jobIdOf({ lockName: name, method });
    let known = this.known.get(id);
    // A job may be made again with the same expression, in another time zone too.
    if (known === undefined || known.times.text !== times.text || known.times.schedule !== times.schedule)
      this.known.set(id, (known = { times, due: new DueTicks(times, SHOWN_TICKS) }));
    return { due: known.due, spreadMs: times.spreadMs };
  }

  /** The first ticks after an instant; none of a job that this instance does not have. */
  next(job: Named, afterMs: number, max: number): number[] {
    const times = this.timesOf(job);
    const ticks: number[] = [];
    for (
      let atMs = times?.after(afterMs);
      atMs !== undefined && ticks.length < max;
      atMs = times?.after(atMs)
    )
      ticks.push(atMs);
    return ticks;
  }

  private timesOf({ name, method }: Named): JobTimes | undefined {
    const { schedulers, ticks } = this.jobs;
    return ticks.timesOf({ lockName: name, method }, schedulers);
  }
}
