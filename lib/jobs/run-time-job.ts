import { Logger } from '@nestjs/common';
import type { SchedulerRegistry } from '@nestjs/schedule';
import type { AdvisoryLockService } from '../nest/advisory-lock.service.js';
import { getAdvisoryLockToken } from '../locking/advisory-lock.tokens.js';
import { cronFiring } from './schedule/firing.js';
import { cronTimes } from './schedule/job-times.js';
import { catchUp, missedAfter } from './records/catch-up.js';
import { checkRecords } from './records/check-records.js';
import { describeNames, LockConfigurationError, type OmitOfEach, runOutside } from '../core/index.js';
import { checkJobOptions } from '../locking/decorator-options.js';
import { type ExclusiveCronOptions, partCronOptions } from './exclusive-cron.decorator.js';
import { fillSlot } from '../locking/service-key.js';
import type { JobMethod } from './run/job-method.js';
import { runJob } from './run/run-job.js';

/** A job of `cron`, as it is in the `SchedulerRegistry`. */
export type ScheduledJob = ReturnType<SchedulerRegistry['getCronJob']>;

/** The options of a job that is made at run time: those of `@ExclusiveCron`, but for what the call itself says. */
export type RunTimeJobOptions = OmitOfEach<
  ExclusiveCronOptions,
  'name' | 'connection' | 'disabled' | 'initialDelay' | 'leader'
>;

/** What the service needs for jobs at run time; it gets it from the module, as a service knows nothing of decorators. */
export interface RunTimeJobs {
  findScheduler(): SchedulerRegistry | undefined;
  readonly add: typeof addRunTimeJob;
}

const logger = new Logger('AdvisoryLock');

/** Makes the job, puts it into the registry and starts it. */
export async function addRunTimeJob(
  service: AdvisoryLockService,
  registry: SchedulerRegistry,
  name: string,
  expression: string | Date,
  body: () => unknown,
  options: RunTimeJobOptions,
): Promise<ScheduledJob> {
  const { lockOptions, tickOptions, cronOptions } = partCronOptions(options);
  const { lock, onBusy = 'skip' } = lockOptions;
  checkJobOptions('exclusiveJob()', { ...tickOptions, lock, onBusy });
  const { CronJob } = await importCron();
  const slot = getAdvisoryLockToken();
  const mark = {};
  const job: JobMethod = {
    method: body,
    methodName: name,
    slot,
    nameOf: () => lock ?? name,
    onBusy,
    onShutdown: () => undefined,
    lockOptions: {},
    findFiring: cronFiring(mark),
    tick: tickOptions as JobMethod['tick'],
  };
  const instance = {};
  fillSlot(instance, slot, service);
  service.ticks.add({ lockName: describeNames(lock ?? name), method: name }, cronTimes(mark));
  const run = (): Promise<unknown> => runJob(job, instance, []);
  const catchUpNow = await prepareRecord(service, job, mark, run);
  const params: object = {
    ...cronOptions,
    cronTime: expression,
    context: mark,
    onTick: () =>
      run().catch((error: unknown) => {
        logger.error(error);
      }),
  };
  const scheduled = CronJob.from(params as Parameters<typeof CronJob.from>[0]) as unknown as ScheduledJob;
  registry.addCronJob(name, scheduled);
  scheduled.start();
  void catchUpNow?.();
  return scheduled;
}

/** Answers what catches up what a recorded job has missed, if it has. */
async function prepareRecord(
  service: AdvisoryLockService,
  { methodName, nameOf, tick: options }: JobMethod,
  mark: object,
  call: () => Promise<unknown>,
): Promise<(() => Promise<void>) | undefined> {
  if (options.tick !== 'record') return undefined;
  await checkRecords(service.records, `exclusiveJob() for "${methodName}"`);
  const recorded = { name: nameOf({}), mark, options, call };
  const afterMs = await missedAfter(service, recorded);
  return afterMs === undefined ? undefined : () => runOutside(() => catchUp(service, recorded, afterMs));
}

async function importCron(): Promise<typeof import('cron')> {
  try {
    return await import('cron');
  } catch (cause) {
    throw new LockConfigurationError(
      'exclusiveJob() needs the package `cron`, which @nestjs/schedule uses, but it cannot be imported from here. Install it: npm install cron',
      { cause },
    );
  }
}
