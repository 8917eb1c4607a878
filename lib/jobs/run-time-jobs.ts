import type { SchedulerRegistry } from '@nestjs/schedule';
import { describeNames, LockConfigurationError, type OmitOfEach, runOutside } from '../core/index.js';
import { type ExclusiveCronOptions, splitCronOptions } from './exclusive-cron.decorator.js';
import type { JobHost } from './job-host.js';
import type { JobMethod } from './job-method.js';
import { checkJobOptions } from './job-options.js';
import type { JobRuntime } from './job-runtime.js';
import { catchUp, missedAfter } from './records/catch-up.js';
import { checkRecords } from './records/check-records.js';
import { claimOptions } from './run/claim-options.js';
import { logFailure } from './run/log-failure.js';
import { runJob } from './run/run-job.js';
import { checkCronTime } from './schedule/check-cron-time.js';
import { cronFiring } from './schedule/find-firing.js';
import { cronTimes } from './schedule/job-times.js';

/** A job of the package `cron`, as the `SchedulerRegistry` has it. */
export type ScheduledJob = ReturnType<SchedulerRegistry['getCronJob']>;

/**
 * The options of a job that is made at run time: those of `@ExclusiveCron`, without what the call itself
 * says.
 *
 * @example
 * ```ts
 * const options: RunTimeJobOptions = { timeZone: 'Europe/Berlin', overlap: 'queue' };
 * ```
 */
export type RunTimeJobOptions = OmitOfEach<
  ExclusiveCronOptions,
  'name' | 'connection' | 'disabled' | 'initialDelay' | 'leader'
>;

/** Makes jobs at run time, as `@ExclusiveCron` does for methods. */
export class RunTimeJobs {
  private readonly host: JobHost;

  constructor(private readonly runtime: JobRuntime) {
    this.host = { runtime, locks: runtime.engine.locks };
  }

  /** Makes the job, puts it into the registry and starts it. */
  async add(
    name: string,
    expression: string | Date,
    body: () => unknown,
    options: RunTimeJobOptions,
  ): Promise<ScheduledJob> {
    const {
      schedulers: [scheduler],
      known,
      ticks,
      unfiredTicks,
    } = this.runtime;
    if (scheduler === undefined) {
      throw new LockConfigurationError(
        `The job "${name}" cannot be scheduled: ScheduleModule.forRoot() of @nestjs/schedule is not ` +
          'imported here.',
      );
    }
    const { lockOptions, tickOptions, cronOptions } = splitCronOptions(options);
    const { lock = name, onBusy = 'skip', reentry, jitterMs, retry, historyMs } = lockOptions;
    const given = { lock: lockOptions.lock, onBusy, reentry, jitterMs, retry, historyMs };
    checkJobOptions('exclusiveJob()', { ...tickOptions, ...given });
    checkCronTime(`The job "${name}"`, expression, cronOptions);
    if (historyMs !== undefined) {
      this.runtime.history.add(lock);
      await this.runtime.history.check(`exclusiveJob() for "${name}"`);
    }
    const { CronJob } = await importCron();
    const mark = {};
    const instance = {};
    const job: JobMethod = {
      nameOf: () => lock,
      leader: undefined,
      onBusy,
      reentry,
      jitterMs,
      retry,
      historyMs,
      findFiring: cronFiring(mark),
      tick: tickOptions as JobMethod['tick'],
    };
    ticks.add({ lockName: describeNames(lock), method: name }, cronTimes(mark));
    const run = (): Promise<unknown> =>
      runJob(job, { method: body, methodName: name, instance, args: [] }, this.host);
    known.add({
      lock,
      method: name,
      leader: undefined,
      isTimed: true,
      findTimes: cronTimes(mark),
      claimMs: claimOptions(job.tick).claimMs,
      jitterMs,
      isRecorded: job.tick.tick === 'record',
      instance,
      methodName: name,
      call: run,
    });
    const catchUpNow = await this.prepareRecord(job, name, mark, run);
    const params: object = {
      ...cronOptions,
      cronTime: expression,
      context: mark,
      onTick: () =>
        run().catch((error: unknown) => {
          logFailure(this.runtime.log, error);
        }),
    };
    const scheduled = CronJob.from(params as Parameters<typeof CronJob.from>[0]) as unknown as ScheduledJob;
    scheduler.addCronJob(name, scheduled);
    unfiredTicks.add(mark);
    scheduled.start();
    void catchUpNow?.();
    return scheduled;
  }

  /** Returns a function that catches up the missed ticks of a recorded job, if there are any. */
  private async prepareRecord(
    { nameOf, tick: options }: JobMethod,
    name: string,
    mark: object,
    call: () => Promise<unknown>,
  ): Promise<(() => Promise<void>) | undefined> {
    if (options.tick !== 'record') return undefined;
    await checkRecords(this.runtime.records, `exclusiveJob() for "${name}"`);
    this.runtime.records.add(nameOf({}));
    const recorded = { name: nameOf({}), mark, options, call };
    const afterMs = await missedAfter(this.runtime, recorded);
    return afterMs === undefined
      ? undefined
      : () => runOutside(() => catchUp(this.runtime, recorded, afterMs));
  }
}

async function importCron(): Promise<typeof import('cron')> {
  try {
    return await import('cron');
  } catch (cause) {
    throw new LockConfigurationError(
      'exclusiveJob() needs the package `cron`, which @nestjs/schedule uses, and which cannot be imported ' +
        'from here. Install it: npm install cron',
      { cause },
    );
  }
}
