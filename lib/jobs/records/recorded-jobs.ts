import type { OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import type { AdvisoryLockService } from '../../nest/advisory-lock.service.js';
import { exclusiveJobsOf, jobLockName } from '../exclusive-job.metadata.js';
import { allProvided } from '../../locking/all-provided.js';
import { catchUp, missedAfter, type RecordedJob } from './catch-up.js';
import { checkRecords } from './check-records.js';

/** Of one configured module: sees at start-up that its jobs with `tick: 'record'` have their table, and what they have missed. */
export class RecordedJobs implements OnModuleInit, OnApplicationBootstrap {
  private readonly missed = new Map<RecordedJob, number>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly service: AdvisoryLockService,
    /** The slot of the module's own service. */
    private readonly slot: symbol,
  ) {}

  async onModuleInit(): Promise<void> {
    const jobs = allProvided(this.discovery).flatMap(({ instance }) => this.recordedJobsOf(instance));
    const [first] = jobs;
    if (first !== undefined) await checkRecords(this.service.records, first.where);
    for (const { job } of jobs) {
      const afterMs = await missedAfter(this.service, job);
      if (afterMs !== undefined) this.missed.set(job, afterMs);
    }
  }

  onApplicationBootstrap(): void {
    for (const [job, afterMs] of this.missed) void catchUp(this.service, job, afterMs);
  }

  private recordedJobsOf(instance: object): { job: RecordedJob; where: string }[] {
    const methods = instance as Record<string | symbol, () => Promise<unknown>>;
    return [...exclusiveJobsOf(instance)].flatMap(([methodName, job]) => {
      if (job.record === undefined || job.slot !== this.slot) return [];
      const where = `${job.decorator} on ${instance.constructor.name}.${String(methodName)}`;
      const name = jobLockName(instance, String(methodName), job);
      return {
        where,
        job: { ...job.record, name, leader: job.leader, call: async () => methods[methodName]?.() },
      };
    });
  }
}
