import type { OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import { describeNames, KeyRegistry, LockConfigurationError, type LockName } from '../core/index.js';
import { type ExclusiveJob, exclusiveJobsOf, jobLockName } from '../jobs/exclusive-job.metadata.js';
import type { Provided, ProviderScan } from '../locking/provider-scan.js';
import type { LeadershipBody } from './leadership-body.js';
import { combineHandlers, type LeadershipHandlers } from './leadership-handlers.js';
import { leadershipMethodsOf } from './leadership-method.js';
import type { Leaderships } from './leaderships.js';

interface LeadershipGroup extends LeadershipHandlers {
  readonly name: LockName;
  readonly begin: LeadershipBody[];
  readonly end: LeadershipBody[];
}

/** Finds the methods and jobs of leaders, and campaigns once for each name. The campaigns end at shutdown. */
export class LeadershipMethods implements OnModuleInit, OnApplicationBootstrap {
  private readonly keys = new KeyRegistry();
  private readonly groups = new Map<string, LeadershipGroup>();

  constructor(
    private readonly scan: ProviderScan,
    /** Of the module's own service. */
    private readonly serviceKey: symbol,
    private readonly leaderships: Leaderships,
    /**
     * Whether this instance has a timer for the job. As the leader, one without it would keep the job from
     * all others.
     */
    private readonly isTimed: (job: ExclusiveJob) => boolean,
  ) {}

  onModuleInit(): void {
    const { provided } = this.scan;
    for (const each of provided) this.addMethods(each);
    for (const { instance } of provided) this.addJobs(instance);
  }

  onApplicationBootstrap(): void {
    for (const { name, ...handlers } of this.groups.values())
      this.leaderships.lead(name, combineHandlers(handlers));
  }

  private addMethods({ instance, isSingleton }: Provided): void {
    const methods = leadershipMethodsOf(instance).filter(({ serviceKey }) => serviceKey === this.serviceKey);
    for (const { decorator, propertyKey, name } of methods) {
      const where = `${instance.constructor.name}.${String(propertyKey)}`;
      if (!isSingleton) {
        throw new LockConfigurationError(
          `${decorator} on ${where} would never be called: the provider is request-scoped or transient, ` +
            'and a leader needs one object. Move the method to a provider in the default scope.',
        );
      }
      const { begin, end } = this.groupOf(name);
      const call: LeadershipBody = (signal) =>
        (instance as Record<string | symbol, LeadershipBody>)[propertyKey]?.(signal);
      (decorator === '@OnLeadership' ? begin : end).push(call);
    }
  }

  private addJobs(instance: object): void {
    for (const [methodName, job] of exclusiveJobsOf(instance)) {
      if (job.serviceKey !== this.serviceKey || job.leader === undefined || !this.isTimed(job)) continue;
      this.groupOf(job.leader);
      const lock = jobLockName(instance, String(methodName), job);
      if (this.keys.keyOf(lock).id !== this.keys.keyOf(job.leader).id) continue;
      throw new LockConfigurationError(
        `${job.decorator} on ${instance.constructor.name}.${String(methodName)} would never run: its lock ` +
          `and its leader must have different names, received "${describeNames(lock)}" for both, and the ` +
          'leader holds the lock of that name. Rename one of them.',
      );
    }
  }

  private groupOf(name: LockName): LeadershipGroup {
    const { id } = this.keys.keyOf(name);
    const group = this.groups.get(id) ?? { name, begin: [], end: [] };
    this.groups.set(id, group);
    return group;
  }
}
