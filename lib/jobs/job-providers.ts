import 'reflect-metadata';
import type { BeforeApplicationShutdown, OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import type { ScheduleModuleOptions } from '@nestjs/schedule';
import { describeNames, LockConfigurationError, type LockName } from '../core/index.js';
import type { Provided, ProviderScan } from '../locking/provider-scan.js';
import { type ExclusiveJob, exclusiveJobsOf, jobLockName } from './exclusive-job.metadata.js';
import type { JobRuntime } from './job-runtime.js';
import { switchOf } from './job-switch.js';

/** An exclusive job of an object that Nest provides. */
interface ProvidedJob {
  readonly job: ExclusiveJob;
  readonly lock: LockName;
  /** Such as `Class.method`. */
  readonly method: string;
  /** Such as `@ExclusiveCron on Class.method`. */
  readonly where: string;
  readonly instance: object;
  readonly methodName: string;
}

/**
 * Finds the exclusive jobs of one configured module at startup. It refuses those that would silently never
 * run, logs those that do not run in this instance, and makes the jobs known, by name and schedule, where
 * jobs are shown.
 */
export class JobProviders implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly scan: ProviderScan,
    /** Of the module's own service. */
    private readonly serviceKey: symbol,
    private readonly runtime: JobRuntime,
    private readonly findScheduleOptions: () => readonly ScheduleModuleOptions[],
  ) {}

  async onModuleInit(): Promise<void> {
    const jobs = this.checkedJobs();
    const modules = this.findScheduleOptions();
    const { engine, known, ticks, unfiredTicks, schedulers } = this.runtime;
    for (const { lock, method, job, instance, methodName } of jobs) {
      engine.keys.pin(lock);
      const methods = instance as Record<string, () => Promise<unknown>>;
      const call = async (): Promise<unknown> => methods[methodName]?.();
      const { leader, findTimes, claimMs, jitterMs } = job;
      const isRecorded = job.record !== undefined;
      const kept = { claimMs, jitterMs, isRecorded };
      const isTimed = schedulers.length > 0 && switchOf(job, modules) === undefined;
      known.add({ lock, method, leader, isTimed, findTimes, ...kept, instance, methodName, call });
      ticks.add({ lockName: describeNames(lock), method }, findTimes);
      if (job.mark !== undefined) unfiredTicks.add(job.mark);
    }
    if (jobs.length === 0) return;
    checkSchedulers(this.scan, schedulers.length);
    if (schedulers.length === 0) {
      this.runtime.log.warn(
        `${jobs.map(({ where }) => where).join(', ')} will not run in this instance: ` +
          'ScheduleModule.forRoot() is not imported here.',
      );
    } else {
      this.logIdleJobs(jobs);
    }
    await this.checkHistory(jobs);
  }

  onApplicationBootstrap(): void {
    this.runtime.unfiredTicks.start();
    this.runtime.missedTicks.start();
  }

  beforeApplicationShutdown(): void {
    this.runtime.unfiredTicks.stop();
    this.runtime.missedTicks.stop();
  }

  private async checkHistory(jobs: readonly ProvidedJob[]): Promise<void> {
    const { history } = this.runtime;
    const kept = jobs.filter(({ job }) => job.keepsHistory);
    for (const { lock } of kept) history.add(lock);
    if (kept[0] !== undefined) await history.check(kept[0].where);
  }

  /** An instance may leave the jobs to others on purpose. */
  private logIdleJobs(jobs: readonly ProvidedJob[]): void {
    const modules = this.findScheduleOptions();
    const idle = jobs.flatMap(({ job, method, where }) => {
      const option = switchOf(job, modules);
      if (option === undefined) job.check?.(where);
      return option === undefined ? [] : [`${method} (\`${option}\`)`];
    });
    if (idle.length > 0) this.runtime.log.log(`These jobs do not run in this instance: ${idle.join(', ')}.`);
  }

  /** Of all providers, those that take their locks from the module's service. */
  private checkedJobs(): readonly ProvidedJob[] {
    const jobs: ProvidedJob[] = [];
    const objects = new Map<unknown, object>();
    const locks = new Set<LockName>();
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
        const { constructor } = instance;
        if ((objects.get(constructor) ?? instance) !== instance) throw providedTwice(instance, method);
        if (job.lock === undefined && locks.has(lock)) throw namedAlike(method);
        objects.set(constructor, instance);
        locks.add(lock);
        jobs.push({ job, lock, method, where, instance, methodName: String(methodName) });
      }
    }
    return jobs;
  }
}

/**
 * A timer that is in no registry that can be found would be taken for a call by hand, and run each tick once
 * more.
 */
function checkSchedulers({ provided }: ProviderScan, registries: number): void {
  // By their properties: the class is of another copy, and its name may be minified.
  const isExplorer = ({ instance }: Provided): boolean =>
    'explore' in instance && 'schedulerOrchestrator' in instance;
  const explorers = provided.filter(isExplorer).length;
  if (explorers <= registries) return;
  throw new LockConfigurationError(
    `Each ScheduleModule must have a SchedulerRegistry of the @nestjs/schedule that this library imports, ` +
      `received ${explorers} modules and ${registries} of these: a timer of the others looks like a call ` +
      'by hand. Install one copy of @nestjs/schedule (npm ls @nestjs/schedule), and do not replace ' +
      'its SchedulerRegistry.',
  );
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
