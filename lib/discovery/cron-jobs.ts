import 'reflect-metadata';
import { exclusiveCronOf, exclusiveCronsOf, jobLockName } from '../decorators/exclusive-cron.metadata.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';

/** An object that the application provides. */
export interface Provided {
  readonly instance: object;
  /** By its class, with injection, rather than by a factory or as a value. */
  readonly isMadeByNest: boolean;
  /** Neither request-scoped nor transient. */
  readonly isSingleton: boolean;
}

/**
 * Finds jobs with `@ExclusiveCron` that would silently never run, and refuses them. Answers the names of those that take their
 * locks from the slot's service.
 */
export function checkCronJobs(provided: readonly Provided[], slot: symbol): string[] {
  const jobs = new Map<unknown, string>();
  for (const { instance, isSingleton } of provided) {
    for (const methodName of exclusiveCronsOf(instance)) {
      const where = `${instance.constructor.name}.${String(methodName)}`;
      const method = (instance as Record<string | symbol, unknown>)[methodName];
      const job = exclusiveCronOf(method);
      if (job === undefined) {
        throw neverRuns(
          where,
          'a decorator above it, or a subclass, replaced the method without its metadata. Put @ExclusiveCron at the top',
        );
      }
      for (const [key, value] of job.schedule) {
        if (Reflect.getMetadata(key, method as object) === value) continue;
        throw neverRuns(
          where,
          'another schedule above it replaced its own, and @nestjs/schedule keeps one a method. Write a second method',
        );
      }
      if (!isSingleton) {
        throw neverRuns(
          where,
          'the provider is request-scoped or transient, and the scheduler needs one object. Move the job to a provider in ' +
            'the default scope',
        );
      }
      const lockName = jobLockName(instance, String(methodName), job.lock);
      if (job.slot !== slot) continue;
      if (job.lock === undefined && jobs.has(lockName)) {
        throw new LockConfigurationError(
          `Two jobs with @ExclusiveCron are called ${where}, so their locks have one name and the one would be skipped while ` +
            'the other runs. Rename a class, or set `lock` on one of them.',
        );
      }
      jobs.set(lockName, where);
    }
  }
  return [...jobs.values()];
}

function neverRuns(where: string, reason: string): LockConfigurationError {
  return new LockConfigurationError(`@ExclusiveCron on ${where} would never run: ${reason}.`);
}
