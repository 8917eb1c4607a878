import { Logger, type OnModuleInit } from '@nestjs/common';
import type { DiscoveryService, ModuleRef } from '@nestjs/core';
import type { AdvisoryLockService } from '../nest/advisory-lock.service.js';
import { literalLocksOf } from './literal-locks.js';
import { fillSlot, readSlot, slotsOf } from './service-key.js';
import type { TickLog } from '../jobs/run/tick-log.js';
import { describeNames, type KeyBook, LockConfigurationError } from '../core/index.js';
import { allProvided } from './all-provided.js';
import { checkExclusiveJobs } from '../jobs/exclusive-jobs.js';
import { findScheduler } from '../jobs/schedule/find-scheduler.js';

/**
 * Looks at every provider and controller at start-up: fills the slot of objects that a factory made, as Nest injects
 * nothing into those, finds exclusive jobs that would silently never run, and keeps the names of locks that are written in decorators,
 * so that they are known where locks are shown. It patches no method.
 */
export class LockedProviders implements OnModuleInit {
  private readonly logger = new Logger('AdvisoryLock');

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly moduleRef: ModuleRef,
    /** The slot of the module's own service; its exclusive jobs are checked. */
    private readonly slot: symbol,
    private readonly keys: KeyBook,
    private readonly ticks: TickLog,
  ) {}

  onModuleInit(): void {
    const provided = allProvided(this.discovery);
    for (const { instance, isMadeByNest } of provided) if (!isMadeByNest) this.fillSlots(instance);
    const jobs = checkExclusiveJobs(provided, this.slot);
    for (const { lock, method, findTimes } of jobs) {
      this.keys.keep(lock);
      this.ticks.add({ lockName: describeNames(lock), method }, findTimes);
    }
    for (const { name, slot } of provided.flatMap(({ instance }) => literalLocksOf(instance)))
      if (slot === this.slot) this.keys.keep(name);
    if (jobs.length > 0 && findScheduler(this.moduleRef) === undefined) {
      this.logger.warn(
        `${jobs.map(({ where }) => where).join(', ')} will not run in this instance: ScheduleModule.forRoot() is not imported here.`,
      );
    }
  }

  private fillSlots(instance: object): void {
    for (const slot of slotsOf(instance)) {
      const service = this.serviceFor(slot, instance);
      const present = readSlot(instance, slot);
      if (present === service) continue;
      if (present !== undefined && !present.isClosed) {
        throw new LockConfigurationError(
          `One and the same object of class ${instance.constructor.name} is a provider of two applications, and its locked ` +
            'methods could only use the locks of one. Make an object for each, with `useFactory` or `useClass`.',
        );
      }
      if (!Object.isExtensible(instance)) {
        throw new LockConfigurationError(
          `The locked methods of ${instance.constructor.name} need a property for the AdvisoryLockService, but the provided ` +
            'object is frozen or sealed. Provide an extensible object, or use AdvisoryLockService by hand.',
        );
      }
      fillSlot(instance, slot, service);
    }
  }

  private serviceFor(slot: symbol, instance: object): AdvisoryLockService {
    try {
      return this.moduleRef.get<AdvisoryLockService>(slot, { strict: false });
    } catch (cause) {
      throw new LockConfigurationError(
        `${instance.constructor.name} has locked methods that need the ${String(slot.description)}. Import that module.`,
        { cause },
      );
    }
  }
}
