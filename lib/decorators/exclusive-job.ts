import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { getAdvisoryLockToken } from '../advisory-lock.tokens.js';
import { describeNames, type LockName } from '../engine/lock-key.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import type { LockedJobDecorator } from './async-method.js';
import { checkJobOptions } from './decorator-options.js';
import { type ExclusiveJob, jobLockName, noteExclusiveJob } from './exclusive-job.metadata.js';
import { lockMethod, type MethodLock } from './lock-method.js';
import type { OnBusy } from './run-locked.js';

/** The lock of an exclusive job: the options of `@ExclusiveInterval` and `@ExclusiveTimeout`, and part of those of `@ExclusiveCron`. */
export interface ExclusiveJobOptions {
  /**
   * The lock's name. Name it where class names are minified or made at run time (`mixin()`), and where the job may move to
   * another class: instances with different names do not exclude each other.
   * @default 'Class.method', of the class of the object
   */
  readonly lock?: LockName;
  /**
   * What happens when the lock is held.
   * @default 'skip'
   */
  readonly onBusy?: OnBusy;
  /**
   * Which configured module, by its `name`.
   * @default the default module
   */
  readonly connection?: string;
}

/** Which instance runs a job: an option of `@ExclusiveCron`. */
export interface LeaderOptions {
  /**
   * The job runs where this leadership is, and is skipped everywhere else: for jobs that belong together, as they share what one
   * instance has in memory. The library campaigns for it by itself, once for all jobs and `@OnLeadership` methods of that name. A job
   * that runs when the leadership is lost goes on to its end, under its own lock.
   * @default whichever instance gets the lock
   */
  readonly leader?: LockName;
}

type AllOptions = ExclusiveJobOptions & LeaderOptions;

const logger = new Logger('AdvisoryLock');

/**
 * A schedule of @nestjs/schedule and a lock, in one decorator.
 *
 * @param decorator - what it is called in messages.
 * @param scheduled - the decorator of @nestjs/schedule.
 */
export function exclusiveJob(
  decorator: string,
  scheduled: MethodDecorator,
  options: { readonly [Name in keyof AllOptions]: AllOptions[Name] | undefined },
): LockedJobDecorator {
  checkJobOptions(decorator, options);
  const { lock, onBusy = 'skip', connection, leader } = options;
  const schedule = scheduleMetadata(scheduled);
  const job: ExclusiveJob = { decorator, slot: getAdvisoryLockToken(connection), lock, leader, schedule };
  const decorate = (
    target: object,
    propertyKey: string | symbol,
    descriptor: PropertyDescriptor | undefined,
  ): void => {
    const methodName = String(propertyKey);
    refuseSecondSchedule(schedule, descriptor?.value, `${target.constructor.name}.${methodName}`);
    const method = lockMethod(target, propertyKey, descriptor, {
      connection,
      nameOf: (instance) => jobLockName(instance, methodName, job),
      isItsTurn: leader === undefined ? undefined : leads(leader, methodName),
      onBusy: onBusy === 'skip' ? logSkip : onBusy,
      // The scheduler logs what a job throws as an error, and a timer that fires now is nothing unusual.
      onShutdown: (instance) => {
        logger.debug(`Skipped ${instance.constructor.name}.${methodName}: the application is shutting down`);
      },
      lockOptions: {},
    });
    for (const [key, value] of schedule) Reflect.defineMetadata(key, value, method);
    noteExclusiveJob(target, propertyKey, job);
  };
  return decorate;
}

const logSkip: OnBusy = ({ instance, methodName, lockName }) => {
  logger.debug(`Skipped ${instance.constructor.name}.${methodName}: lock "${lockName}" is held elsewhere`);
};

function leads(leader: LockName, methodName: string): NonNullable<MethodLock['isItsTurn']> {
  return (service, instance) => {
    const isLeader = service.isLeader(leader);
    if (!isLeader) {
      const where = `${instance.constructor.name}.${methodName}`;
      logger.debug(`Skipped ${where}: this instance does not lead "${describeNames(leader)}"`);
    }
    return isLeader;
  };
}

/** What the scheduling decorator notes on a method, by asking it, as its keys are no public API. */
function scheduleMetadata(scheduled: MethodDecorator): ReadonlyMap<unknown, unknown> {
  const probe = (): void => undefined;
  scheduled({}, 'probe', { value: probe });
  const keys: unknown[] = Reflect.getMetadataKeys(probe);
  return new Map(keys.map((key) => [key, Reflect.getMetadata(key, probe) as unknown]));
}

function refuseSecondSchedule(schedule: ReadonlyMap<unknown, unknown>, method: unknown, where: string): void {
  if (typeof method !== 'function') return;
  if (![...schedule.keys()].some((key) => Reflect.hasMetadata(key, method))) return;
  throw new LockConfigurationError(
    `${where} has another schedule already (@Cron, @Interval, @Timeout or an exclusive one), but @nestjs/schedule keeps one a ` +
      'method. Write one cron expression for both times, or a second method that calls the first.',
  );
}
