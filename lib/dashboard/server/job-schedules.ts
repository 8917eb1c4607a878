import type { JobRuntime } from '../../jobs/job-runtime.js';
import { jobIdOf } from '../../jobs/run/job-name.js';
import type { ReportedJob } from '../../fleet/instance-report.js';
import { type KnownSchedule, SHOWN_TICKS } from './dashboard-jobs.js';
import { DueTicks } from './due-ticks.js';

/** The schedules of the jobs that this instance itself has. */
export class JobSchedules {
  private readonly known = new Map<string, { readonly text: string; readonly due: DueTicks }>();

  constructor(private readonly jobs: Pick<JobRuntime, 'schedulers' | 'ticks'>) {}

  of({ name, method }: Pick<ReportedJob, 'name' | 'method'>): KnownSchedule | undefined {
    const { schedulers, ticks } = this.jobs;
    const job = { lockName: name, method };
    const times = ticks.timesOf(job, schedulers);
    if (times === undefined) return undefined;
    const { text, spreadMs } = times;
    const id = jobIdOf(job);
    let known = this.known.get(id);
    if (known?.text !== text) this.known.set(id, (known = { text, due: new DueTicks(times, SHOWN_TICKS) }));
    return { due: known.due, spreadMs };
  }
}
