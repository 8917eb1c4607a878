import 'reflect-metadata';
import { Logger, type OnModuleInit } from '@nestjs/common';
import { describeNames, LockConfigurationError, type LockName } from '../core/index.js';
import type { ProviderScan } from '../locking/provider-scan.js';
import { type ExclusiveJob, exclusiveJobsOf, jobLockName } from './exclusive-job.metadata.js';
import type { JobRuntime } from './job-runtime.js';
import type { FindTimes } from './schedule/job-times.js';

/** An exclusive job of an object that Nest provides. */
interface ProvidedJob {
  readonly lock: LockName;
  /** Such as `Class.method`. */
  readonly method: string;
  /** Such as `@ExclusiveCron on Class.method`. */
  readonly where: string;
  readonly findTimes: FindTimes | undefined;
}

/**
 * Finds the exclusive jobs of one configured module at start-up: refuses those that would silently never run, and makes
 * the others known, by name and schedule, where jobs are shown.
 */
export class JobProviders implements OnModuleInit {
  private readonly logger = new Logger('AdvisoryLock');

  constructor(
    private readonly scan: ProviderScan,
    /** Of the module's own service. */
    private readonly serviceKey: symbol,
    private readonly runtime: JobRuntime,
  ) {}

  onModuleInit(): void {
    const jobs = this.checkedJobs();
    for (const { lock, method, findTimes } of jobs) {
      this.runtime.engine.keys.pin(lock);
      this.runtime.ticks.add({ lockName: describeNames(lock), method }, findTimes);
    }
    if (jobs.length === 0 || this.runtime.scheduler !== undefined) return;
    this.logger.warn(
      `${jobs.map(({ where }) => where).join(', ')} will not run in this instance: ScheduleModule.forRoot() is not imported here.`,
    );
  }

  /** Of all providers, those that take their locks from the module's service. */
  private checkedJobs(): readonly ProvidedJob[] {
    const jobs: ProvidedJob[] = [];
    const lockNames = new Set<LockName>();
    for (const { instance, isSingleton } of this.scan.provided) {
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
        const lock = jobLockName(instance, String(methodName), job);
        if (job.serviceKey !== this.serviceKey) continue;
        if (job.lock === undefined && lockNames.has(lock)) {
          throw new LockConfigurationError(
            `Two exclusive jobs are called ${name}, so their locks have one name and the one would be skipped while the other ` +
              'runs. Rename a class, or set `lock` on one of them.',
          );
        }
        lockNames.add(lock);
        jobs.push({ lock, method: name, where, findTimes: job.findTimes });
      }
    }
    return jobs;
  }
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
