import type { OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import type { DiscoveryService, ModuleRef } from '@nestjs/core';
import type { AdvisoryLockService } from '../nest/advisory-lock.service.js';
import { type Duties, perform } from './leadership-handlers.js';
import type { LeadershipBody } from './leadership.js';
import { exclusiveJobsOf, jobLockName } from '../jobs/exclusive-job.metadata.js';
import { leadershipMethodsOf } from './leadership-method.js';
import { describeNames, KeyBook, LockConfigurationError, type LockName } from '../core/index.js';
import { allProvided, type Provided } from '../locking/all-provided.js';
import { findScheduler } from '../jobs/schedule/find-scheduler.js';

interface Candidacy extends Duties {
  readonly name: LockName;
  readonly begin: LeadershipBody[];
  readonly end: LeadershipBody[];
}

/** Finds what is done by a leader, and campaigns for it: once for each name. The service ends the campaigns at shutdown. */
export class LeadershipMethods implements OnModuleInit, OnApplicationBootstrap {
  private readonly keys = new KeyBook();
  private readonly candidacies = new Map<string, Candidacy>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly moduleRef: ModuleRef,
    /** The slot of the module's own service. */
    private readonly slot: symbol,
    private readonly service: AdvisoryLockService,
  ) {}

  onModuleInit(): void {
    const provided = allProvided(this.discovery);
    for (const each of provided) this.addMethods(each);
    // An instance without a scheduler that led would keep the jobs from all others.
    if (findScheduler(this.moduleRef) !== undefined)
      for (const { instance } of provided) this.addJobs(instance);
  }

  onApplicationBootstrap(): void {
    for (const { name, ...duties } of this.candidacies.values()) this.service.lead(name, perform(duties));
  }

  private addMethods({ instance, isSingleton }: Provided): void {
    const methods = leadershipMethodsOf(instance).filter(({ slot }) => slot === this.slot);
    for (const { decorator, propertyKey, name } of methods) {
      const where = `${instance.constructor.name}.${String(propertyKey)}`;
      if (!isSingleton) {
        throw new LockConfigurationError(
          `${decorator} on ${where} would never be called: the provider is request-scoped or transient, and there is no one ` +
            'object that could lead. Move the method to a provider in the default scope.',
        );
      }
      const { begin, end } = this.candidacyFor(name);
      const call: LeadershipBody = (signal) =>
        (instance as Record<string | symbol, LeadershipBody>)[propertyKey]?.(signal);
      (decorator === '@OnLeadership' ? begin : end).push(call);
    }
  }

  private addJobs(instance: object): void {
    for (const [methodName, job] of exclusiveJobsOf(instance)) {
      if (job.slot !== this.slot || job.leader === undefined) continue;
      this.candidacyFor(job.leader);
      const lock = jobLockName(instance, String(methodName), job);
      if (this.keys.keyOf(lock).id !== this.keys.keyOf(job.leader).id) continue;
      throw new LockConfigurationError(
        `${job.decorator} on ${instance.constructor.name}.${String(methodName)} would never run: its lock and its leader are both ` +
          `called "${describeNames(lock)}", and the leader holds the lock of that name. Name one of them otherwise.`,
      );
    }
  }

  private candidacyFor(name: LockName): Candidacy {
    const { id } = this.keys.keyOf(name);
    const candidacy = this.candidacies.get(id) ?? { name, begin: [], end: [] };
    this.candidacies.set(id, candidacy);
    return candidacy;
  }
}
