import 'reflect-metadata';
import type { RecordOptions } from './records/record.options.js';
import type { FindTimes } from './schedule/job-times.js';
import { LockConfigurationError, type LockName } from '../core/index.js';

const JOBS = Symbol.for('nestjs-advisory-lock:exclusive-jobs');

/** What `@ExclusiveCron`, `@ExclusiveInterval` and `@ExclusiveTimeout` record about a method. */
export interface ExclusiveJob {
  /** Which of them it is, as it is written: `@ExclusiveCron`. */
  readonly decorator: string;
  /** The key of the service whose lock it takes. */
  readonly serviceKey: symbol;
  /** The name of the lock, where the option gives one. */
  readonly lock: LockName | undefined;
  /** The leadership under which it runs, where the option gives one. */
  readonly leader: LockName | undefined;
  /** The metadata that @nestjs/schedule must find on the method. */
  readonly schedule: ReadonlyMap<unknown, unknown>;
  /** When it is due, where that is the same in the whole fleet. */
  readonly findTimes: FindTimes | undefined;
  /** Identifies its timer, if that is a job of `cron`. */
  readonly mark: object | undefined;
  /** Refuses a schedule that cannot be set, with the name of the job. */
  readonly check: ((job: string) => void) | undefined;
  /** Whether its timer is made without being started. */
  readonly isDisabled: boolean;
  /** For how long a claim is kept, where an option says so, in milliseconds. */
  readonly claimMs: number | undefined;
  readonly jitterMs: number | undefined;
  /** Whether its runs are kept in the history. */
  readonly keepsHistory: boolean;
  /** Of a job with `tick: 'record'`. */
  readonly record?: {
    /** Identifies its timer. */
    readonly mark: object;
    readonly options: RecordOptions;
  };
}

type ExclusiveJobs = ReadonlyMap<string | symbol, ExclusiveJob>;

/**
 * Records the job on the class. On the method alone the job would get lost together with the method's
 * schedule, unnoticed.
 */
export function noteExclusiveJob(prototype: object, propertyKey: string | symbol, job: ExclusiveJob): void {
  const jobs: ExclusiveJobs = new Map([...exclusiveJobsOf(prototype), [propertyKey, job]]);
  Reflect.defineMetadata(JOBS, jobs, prototype);
}

/** The jobs of a class by their methods, inherited ones included. */
export function exclusiveJobsOf(prototype: object): ExclusiveJobs {
  return (Reflect.getMetadata(JOBS, prototype) as ExclusiveJobs | undefined) ?? new Map();
}

/**
 * The name of a job's lock: after the class of the object, not the class that declares the method, as two
 * subclasses are two jobs.
 */
export function jobLockName(
  instance: object,
  methodName: string,
  { decorator, lock }: Pick<ExclusiveJob, 'decorator' | 'lock'>,
): LockName {
  if (lock !== undefined) return lock;
  const { name } = instance.constructor;
  if (name !== '') return `${name}.${methodName}`;
  throw new LockConfigurationError(
    `${decorator} on ${methodName} names its lock after the class, which must have a name, received a ` +
      'class without one. Give it a name, or set `lock`.',
  );
}
