import 'reflect-metadata';
import { type ExclusiveJob, exclusiveJobsOf, jobLockName } from './exclusive-job.metadata.js';
import type { FindTimes } from './schedule/job-times.js';
import { LockConfigurationError, type LockName } from '../core/index.js';
import type { Provided } from '../locking/all-provided.js';

/** An exclusive job of an object that Nest provides. */
export interface ProvidedJob {
  readonly lock: LockName;
  /** Such as `Class.method`. */
  readonly method: string;
  /** Such as `@ExclusiveCron on Class.method`. */
  readonly where: string;
  readonly findTimes: FindTimes | undefined;
}

/**
 * Finds exclusive jobs that would silently never run, and refuses them. Answers those that take their locks from the slot's service.
 */
export function checkExclusiveJobs(provided: readonly Provided[], slot: symbol): readonly ProvidedJob[] {
  const jobs: ProvidedJob[] = [];
  const lockNames = new Set<LockName>();
  for (const { instance, isSingleton } of provided) {
    for (const [methodName, job] of exclusiveJobsOf(instance)) {
      const name = `${instance.constructor.name}.${String(methodName)}`;
      const where = `${job.decorator} on ${name}`;
      checkSchedule((instance as Record<string | symbol, unknown>)[methodName], job, where);
      if (!isSingleton) {
        throw neverRuns(
          where,
          'the provider is request-scoped or transient, and the scheduler needs one object. Move the job to a provider in ' +
            'the default scope',
        );
      }
      const lockName = jobLockName(instance, String(methodName), job);
      if (job.slot !== slot) continue;
      if (job.lock === undefined && lockNames.has(lockName)) {
        throw new LockConfigurationError(
          `Two exclusive jobs are called ${name}, so their locks have one name and the one would be skipped while the other ` +
            'runs. Rename a class, or set `lock` on one of them.',
        );
      }
      lockNames.add(lockName);
      jobs.push({ lock: lockName, method: name, where, findTimes: job.findTimes });
    }
  }
  return jobs;
}

function checkSchedule(method: unknown, { decorator, schedule }: ExclusiveJob, where: string): void {
  const found = (key: unknown): unknown =>
    typeof method === 'function' ? Reflect.getMetadata(key, method) : undefined;
  const keys = [...schedule.keys()];
  if (keys.every((key) => found(key) === undefined)) {
    throw neverRuns(
      where,
      `a decorator above it, or a subclass, replaced the method without its metadata. Put ${decorator} at the top`,
    );
  }
  if (keys.some((key) => found(key) !== schedule.get(key))) {
    throw neverRuns(
      where,
      'another schedule above it, or of a subclass, replaced its own, and @nestjs/schedule keeps one a method. Write a second ' +
        'method',
    );
  }
}

function neverRuns(where: string, reason: string): LockConfigurationError {
  return new LockConfigurationError(`${where} would never run: ${reason}.`);
}
