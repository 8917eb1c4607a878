import 'reflect-metadata';
import type { OnModuleInit } from '@nestjs/common';
import type { ScheduleModuleOptions } from '@nestjs/schedule';
import { describeNames, LockConfigurationError, type LockName } from '../core/index.js';
import type { ProviderScan } from '../locking/provider-scan.js';
import { type ExclusiveJob, exclusiveJobsOf, jobLockName } from './exclusive-job.metadata.js';
import type { JobRuntime } from './job-runtime.js';

/** An exclusive job of an object that Nest provides. */
interface ProvidedJob {
  readonly job: ExclusiveJob;
  readonly lock: LockName;
  /** Such as `Class.method`. */
  readonly method: string;
  /** Such as `@ExclusiveCron on Class.method`. */
  readonly where: string;
}

/** The option of `ScheduleModule` that switches the timers of a decorator off. */
const SWITCHES: Readonly<Record<string, keyof ScheduleModuleOptions>> = {
  '@ExclusiveCron': 'cronJobs',
  '@ExclusiveInterval': 'intervals',
  '@ExclusiveTimeout': 'timeouts',
};

/**
 * Finds the exclusive jobs of one configured module at startup. It refuses those that would silently never
 * run, logs those that do not run in this instance, and makes the jobs known, by name and schedule, where
 * jobs are shown.
 */
export class JobProviders implements OnModuleInit {
  constructor(
    private readonly scan: ProviderScan,
    /** Of the module's own service. */
    private readonly serviceKey: symbol,
    private readonly runtime: JobRuntime,
    private readonly findScheduleOptions: () => ScheduleModuleOptions,
  ) {}

  onModuleInit(): void {
    const jobs = this.checkedJobs();
    for (const { lock, method, job } of jobs) {
      this.runtime.engine.keys.pin(lock);
      this.runtime.ticks.add({ lockName: describeNames(lock), method }, job.findTimes);
    }
    if (jobs.length === 0) return;
    if (this.runtime.scheduler === undefined) {
      this.runtime.log.warn(
        `${jobs.map(({ where }) => where).join(', ')} will not run in this instance: ` +
          'ScheduleModule.forRoot() is not imported here.',
      );
    } else {
      this.logIdleJobs(jobs);
    }
  }

  /** An instance may leave the jobs to others on purpose. */
  private logIdleJobs(jobs: readonly ProvidedJob[]): void {
    const options = this.findScheduleOptions();
    const idle = jobs.flatMap(({ job, method }) => {
      const option = SWITCHES[job.decorator];
      // @nestjs/schedule takes an explicit `undefined` for false.
      if (option !== undefined && options[option] !== true) return [`${method} (\`${option}: false\`)`];
      return job.isDisabled ? [`${method} (\`disabled: true\`)`] : [];
    });
    if (idle.length > 0) this.runtime.log.log(`These jobs do not run in this instance: ${idle.join(', ')}.`);
  }

  /** Of all providers, those that take their locks from the module's service. */
  private checkedJobs(): readonly ProvidedJob[] {
    const jobs: ProvidedJob[] = [];
    const classes = new Map<LockName, unknown>();
    for (const { instance, isSingleton } of this.scan.provided) {
      for (const [methodName, job] of exclusiveJobsOf(instance)) {
        const method = `${instance.constructor.name}.${String(methodName)}`;
        const where = `${job.decorator} on ${method}`;
        checkSchedule((instance as Record<string | symbol, unknown>)[methodName], job, where);
        if (!isSingleton) {
          throw neverRuns(
            where,
            'the provider is request-scoped or transient, and the scheduler needs one object. Move the job ' +
              'to a provider in the default scope',
          );
        }
        const lock = jobLockName(instance, String(methodName), job);
        if (job.serviceKey !== this.serviceKey) continue;
        if (job.lock === undefined && classes.has(lock)) {
          throw classes.get(lock) === instance.constructor
            ? providedTwice(instance, method)
            : namedAlike(method);
        }
        classes.set(lock, instance.constructor);
        jobs.push({ job, lock, method, where });
      }
    }
    return jobs;
  }
}

function providedTwice({ constructor }: object, method: string): LockConfigurationError {
  return new LockConfigurationError(
    `The class ${constructor.name} must be provided once, as it has exclusive jobs, received two objects ` +
      `of it: the job ${method} would have two timers in this instance, and one would be skipped while the ` +
      'other runs. Export the provider from one module, and import that module in the other. For two jobs, ' +
      'use two classes.',
  );
}

function namedAlike(method: string): LockConfigurationError {
  return new LockConfigurationError(
    `The locks of exclusive jobs must have different names, received two jobs that are called ${method}: ` +
      'one would be skipped while the other runs. Rename a class, or set `lock` on one of them.',
  );
}

function checkSchedule(method: unknown, { decorator, schedule }: ExclusiveJob, where: string): void {
  const found = (key: unknown): unknown =>
    typeof method === 'function' ? Reflect.getMetadata(key, method) : undefined;
  const keys = [...schedule.keys()];
  if (keys.every((key) => found(key) === undefined)) {
    throw neverRuns(
      where,
      `a decorator above it, or a subclass, replaced the method without its metadata. Put ${decorator} at ` +
        'the top',
    );
  }
  if (keys.some((key) => found(key) !== schedule.get(key))) {
    throw neverRuns(
      where,
      'another schedule above it, or of a subclass, replaced its own, and @nestjs/schedule keeps one ' +
        'schedule per method. Write a second method',
    );
  }
}

function neverRuns(where: string, reason: string): LockConfigurationError {
  return new LockConfigurationError(`${where} would never run: ${reason}.`);
}
