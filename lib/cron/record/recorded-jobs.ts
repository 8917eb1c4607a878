import type { OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import type { AdvisoryLockService } from '../../advisory-lock.service.js';
import { type ExclusiveJob, exclusiveJobsOf, jobLockName } from '../../decorators/exclusive-job.metadata.js';
import { findProvided } from '../../discovery/provided.js';
import { LockConfigurationError } from '../../errors/lock-configuration.error.js';
import { catchUp, missedAfter, type MissedJob } from './catch-up.js';
import { retainMsOf } from './record.options.js';

type Recorded = NonNullable<ExclusiveJob['record']>;

/** Of one configured module: sees at start-up that its jobs with `tick: 'record'` have their table, and what they have missed. */
export class RecordedJobs implements OnModuleInit, OnApplicationBootstrap {
  private readonly missed: MissedJob[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly service: AdvisoryLockService,
    /** The slot of the module's own service. */
    private readonly slot: symbol,
  ) {}

  async onModuleInit(): Promise<void> {
    let isChecked = false;
    for (const { instance } of findProvided(this.discovery)) {
      for (const [methodName, job] of exclusiveJobsOf(instance)) {
        if (job.record === undefined || job.slot !== this.slot) continue;
        if (!isChecked)
          await this.check(`${job.decorator} on ${instance.constructor.name}.${String(methodName)}`);
        isChecked = true;
        await this.lookBack(instance, methodName, job, job.record);
      }
    }
  }

  onApplicationBootstrap(): void {
    for (const job of this.missed) void catchUp(this.service, job);
  }

  private async check(where: string): Promise<void> {
    try {
      await this.service.records.check();
    } catch (cause) {
      if (!isSqlError(cause)) throw cause;
      throw new LockConfigurationError(
        `${where} says tick: 'record', but its runs cannot be recorded: ${cause.message}. Add the migration ` +
          'CreateExclusiveCronRuns1735689600000 to the data source, or the entity ExclusiveCronRun where `synchronize` is set, or run ' +
          'EXCLUSIVE_CRON_RUN_SQL, and let the role of the application SELECT, INSERT, UPDATE and DELETE there.',
        { cause },
      );
    }
  }

  private async lookBack(
    instance: object,
    methodName: string | symbol,
    job: ExclusiveJob,
    { mark, options }: Recorded,
  ): Promise<void> {
    const { catchUp: wanted = 'none' } = options;
    if (wanted === 'none') return;
    const name = jobLockName(instance, String(methodName), job);
    const afterMs = await missedAfter(this.service, name);
    if (afterMs === undefined) return;
    const methods = instance as Record<string | symbol, () => Promise<unknown>>;
    this.missed.push({
      name,
      mark,
      catchUp: wanted,
      retainMs: retainMsOf(options),
      afterMs,
      call: async () => methods[methodName]?.(),
    });
  }
}

/** Syntax error or access rule violation: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isSqlError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('42');
}
