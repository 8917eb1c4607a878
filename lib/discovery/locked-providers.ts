import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService, ModuleRef } from '@nestjs/core';
import { SchedulerRegistry } from '@nestjs/schedule';
import type { AdvisoryLockService } from '../advisory-lock.service.js';
import { exclusiveCronsOf, hasExclusiveCron } from '../decorators/exclusive-cron.metadata.js';
import { fillSlot, readSlot, slotsOf } from '../decorators/lock-slots.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';

type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/**
 * Looks at every provider and controller at start-up: fills the slot of objects that a factory made, as Nest injects
 * nothing into those, and finds cron jobs that would silently never run. It patches no method.
 */
@Injectable()
export class LockedProviders implements OnModuleInit {
  private readonly logger = new Logger('AdvisoryLock');

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly moduleRef: ModuleRef,
  ) {}

  onModuleInit(): void {
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const instance: unknown = wrapper.instance;
      if (typeof instance !== 'object' || instance === null) continue;
      if (wrapper.isDependencyTreeStatic()) this.fillSlots(instance);
      this.checkCronJobs(instance, wrapper);
    }
  }

  private fillSlots(instance: object): void {
    for (const slot of slotsOf(instance)) {
      const service = this.serviceFor(slot, instance);
      const present = readSlot(instance, slot);
      if (present === service) continue;
      if (present !== undefined) {
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

  private checkCronJobs(instance: object, wrapper: InstanceWrapper): void {
    for (const method of exclusiveCronsOf(instance)) {
      const job = `@ExclusiveCron on ${instance.constructor.name}.${String(method)}`;
      if (!hasExclusiveCron((instance as Record<string | symbol, unknown>)[method])) {
        throw new LockConfigurationError(
          `${job} would never run: a decorator above it, or a subclass, replaced the method without its metadata. Put ` +
            '@ExclusiveCron at the top.',
        );
      }
      if (!wrapper.isDependencyTreeStatic()) {
        throw new LockConfigurationError(
          `${job} would never run: the provider is request-scoped or transient, and the scheduler needs one object. Move ` +
            'the job to a provider in the default scope.',
        );
      }
      if (!this.hasScheduler()) {
        this.logger.warn(
          `${job} will not run in this instance: ScheduleModule.forRoot() is not imported here.`,
        );
      }
    }
  }

  private hasScheduler(): boolean {
    try {
      this.moduleRef.get(SchedulerRegistry, { strict: false });
      return true;
    } catch {
      return false;
    }
  }
}
