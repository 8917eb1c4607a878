import 'reflect-metadata';
import { LockConfigurationError } from '../core/index.js';
import { getAdvisoryLockToken } from '../locking/advisory-lock.tokens.js';
import type { LockedJobDecorator } from '../locking/async-method.js';
import { type Method, replaceMethod } from '../locking/locked-method.js';
import { requiredService } from '../locking/required-service.js';
import { declareServiceKey } from '../locking/service-key.js';
import { type ExclusiveJob, jobLockName, noteExclusiveJob } from './exclusive-job.metadata.js';
import type { ExclusiveJobOptions, LeaderOptions } from './exclusive-job.options.js';
import { jobHostOf } from './job-host.js';
import type { JobMethod } from './job-method.js';
import { checkJobOptions } from './job-options.js';
import { callOf, exposeBody, outsideTrace } from './nest-observe.js';
import type { RecordOptions } from './records/record.options.js';
import { claimOptions } from './run/claim-options.js';
import { runJob } from './run/run-job.js';
import type { FindFiring } from './schedule/find-firing.js';
import type { FindTimes } from './schedule/job-times.js';
import type { TickOptions } from './tick.options.js';

/** The timer of @nestjs/schedule that calls a job. */
export interface JobTimer {
  /** The decorator that sets it. */
  readonly scheduled: MethodDecorator;
  /** Distinguishes a call by the timer from one by hand, and finds what it is due for. */
  readonly findFiring: FindFiring;
  /** When it is due, where that is the same in the whole fleet. */
  readonly findTimes?: FindTimes;
  /** Identifies it among the jobs of `cron`. */
  readonly mark?: object;
  /** Refuses a schedule that cannot be set, with the name of the job. */
  readonly check?: (job: string) => void;
  /** Of an interval that counts from the end of a run, in milliseconds. */
  readonly delayMs?: number;
  /** Whether @nestjs/schedule makes it without starting it. */
  readonly isDisabled?: boolean;
}

type Undefinable<T> = { readonly [Name in keyof T]: T[Name] | undefined };

/**
 * A schedule of @nestjs/schedule and a lock, in one decorator.
 *
 * @param decorator - its name in messages.
 */
export function exclusiveJob(
  decorator: string,
  { scheduled, findFiring, findTimes, mark, check, isDisabled = false, delayMs }: JobTimer,
  options: Undefinable<ExclusiveJobOptions & LeaderOptions & (TickOptions | RecordOptions)>,
): LockedJobDecorator {
  const checked = checkJobOptions(decorator, options);
  const { lock, onBusy = 'skip', connection, reentry, leader, jitterMs, retry, historyMs, ...tick } = checked;
  const serviceKey = getAdvisoryLockToken(connection);
  const schedule = scheduleMetadata(scheduled);
  const isRecorded = tick.tick === 'record' && mark !== undefined;
  const noted: ExclusiveJob = {
    decorator,
    serviceKey,
    lock,
    leader,
    schedule,
    findTimes,
    mark,
    check,
    isDisabled,
    claimMs: claimOptions(tick as TickOptions | RecordOptions).claimMs,
    jitterMs,
    keepsHistory: historyMs !== undefined,
    ...(isRecorded && { record: { mark, options: tick as RecordOptions } }),
  };
  const decorate = (
    target: object,
    propertyKey: string | symbol,
    descriptor: PropertyDescriptor | undefined,
  ): void => {
    const methodName = String(propertyKey);
    refuseSecondSchedule(schedule, descriptor?.value, `${target.constructor.name}.${methodName}`);
    const job: JobMethod = {
      nameOf: (instance) => jobLockName(instance, methodName, noted),
      leader,
      onBusy,
      reentry,
      jitterMs,
      retry,
      historyMs,
      delayMs,
      findFiring,
      tick: tick as TickOptions | RecordOptions,
    };
    const original = descriptor?.value as Method;
    // Async, so that every failure rejects.
    const method = replaceMethod(target, propertyKey, descriptor, async (call) => {
      const host = jobHostOf(requiredService(call.instance, serviceKey, methodName));
      return outsideTrace(host.runtime?.storages ?? [], (inTrace) =>
        runJob(job, callOf(call, body, inTrace), host),
      );
    });
    const body = exposeBody(target, methodName, method, original);
    declareServiceKey(target, serviceKey);
    for (const [key, value] of schedule) Reflect.defineMetadata(key, value, method);
    noteExclusiveJob(target, propertyKey, noted);
  };
  return decorate;
}

/** The metadata of the scheduling decorator, by applying it, as its keys are no public API. */
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
    `${where} must have one schedule, received a second one (@Cron, @Interval, @Timeout or an exclusive ` +
      'one): @nestjs/schedule keeps one schedule per method. Write one cron expression for both times, or ' +
      'a second method that calls the first.',
  );
}
