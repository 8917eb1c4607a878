import 'reflect-metadata';
import type { LockName } from '../engine/lock-key.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';

const JOB = Symbol.for('nestjs-advisory-lock:exclusive-cron');
const JOBS_OF_CLASS = Symbol.for('nestjs-advisory-lock:exclusive-crons');

/** What `@ExclusiveCron` notes on a method. */
export interface ExclusiveCronJob {
  /** The slot of the service whose lock it takes. */
  readonly slot: symbol;
  /** The lock's name, where one was given. */
  readonly lock: LockName | undefined;
  /** The metadata that @nestjs/schedule is to find on the method. */
  readonly schedule: ReadonlyMap<unknown, unknown>;
}

/** Notes the job on the function, and its name on the class for who looks for jobs. */
export function noteExclusiveCron(
  prototype: object,
  propertyKey: string | symbol,
  method: object,
  job: ExclusiveCronJob,
): void {
  Reflect.defineMetadata(JOB, job, method);
  Reflect.defineMetadata(JOBS_OF_CLASS, [...exclusiveCronsOf(prototype), propertyKey], prototype);
}

/** The names of the methods with `@ExclusiveCron`, inherited ones included. */
export function exclusiveCronsOf(prototype: object): readonly (string | symbol)[] {
  return (Reflect.getMetadata(JOBS_OF_CLASS, prototype) as readonly (string | symbol)[] | undefined) ?? [];
}

/** The job of a method; `undefined` when it has none, or when its metadata got lost. */
export function exclusiveCronOf(method: unknown): ExclusiveCronJob | undefined {
  if (typeof method !== 'function') return undefined;
  return Reflect.getMetadata(JOB, method) as ExclusiveCronJob | undefined;
}

/** The name of a job's lock: of the object's class, not of the class that declares the method, as two subclasses are two jobs. */
export function jobLockName(instance: object, methodName: string, lock: LockName | undefined): LockName {
  if (lock !== undefined) return lock;
  const { name } = instance.constructor;
  if (name !== '') return `${name}.${methodName}`;
  throw new LockConfigurationError(
    `@ExclusiveCron on ${methodName} names its lock after the class, but the class has no name. Give it one, or set \`lock\`.`,
  );
}
