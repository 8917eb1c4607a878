import { Logger } from '@nestjs/common';
import type { SchedulerRegistry } from '@nestjs/schedule';
import type { AdvisoryLockService } from '../advisory-lock.service.js';
import { getAdvisoryLockToken } from '../advisory-lock.tokens.js';
import { cronFiring } from '../cron/firing.js';
import { cronTimes } from '../cron/job-times.js';
import { catchUp, missedAfter } from '../cron/record/catch-up.js';
import { checkRecords } from '../cron/record/check-records.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { describeNames } from '../engine/lock-key.js';
import { runOutside } from '../engine/lock-context.js';
import type { OmitOfEach } from '../omit-of-each.js';
import { checkJobOptions } from './decorator-options.js';
import { type ExclusiveCronOptions, partCronOptions } from './exclusive-cron.decorator.js';
import { fillSlot } from './lock-slots.js';
import type { JobMethod } from './job-method.js';
import { runJob } from './run-job.js';

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
