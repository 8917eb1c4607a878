import type { OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import type { ProviderScan } from '../../locking/provider-scan.js';
import { exclusiveJobsOf, jobLockName } from '../exclusive-job.metadata.js';
import type { JobRuntime } from '../job-runtime.js';
import { catchUp, missedAfter, type RecordedJob } from './catch-up.js';
import { checkRecords } from './check-records.js';

/**
 * Checks at startup, for one configured module, that its jobs with `tick: 'record'` have their table, and
 * finds the ticks that they have missed.
 */
export class RecordedJobs implements OnModuleInit, OnApplicationBootstrap {
  private readonly missed = new Map<RecordedJob, number>();

  constructor(
    private readonly scan: ProviderScan,
    /** Of the module's own service. */
    private readonly serviceKey: symbol,
    private readonly runtime: JobRuntime,
  ) {}

  async onModuleInit(): Promise<void> {
    const jobs = this.scan.provided.flatMap(({ instance }) => this.recordedJobsOf(instance));
    for (const { job } of jobs) this.runtime.records.add(job.name);
    const [first] = jobs;
    if (first !== undefined) await checkRecords(this.runtime.records, first.where);
    for (const { job } of jobs) {
      const afterMs = await missedAfter(this.runtime, job);
      if (afterMs !== undefined) this.missed.set(job, afterMs);
    }
  }

  onApplicationBootstrap(): void {
    for (const [job, afterMs] of this.missed) void catchUp(this.runtime, job, afterMs);
  }

  private recordedJobsOf(instance: object): { job: RecordedJob; where: string }[] {
    const methods = instance as Record<string | symbol, () => Promise<unknown>>;
    return [...exclusiveJobsOf(instance)].flatMap(([methodName, job]) => {
      if (job.record === undefined || job.serviceKey !== this.serviceKey) return [];
      const where = `${job.decorator} on ${instance.constructor.name}.${String(methodName)}`;
      const name = jobLockName(instance, String(methodName), job);
      return {
        where,
        job: { ...job.record, name, leader: job.leader, call: async () => methods[methodName]?.() },
      };
    });
  }
}
