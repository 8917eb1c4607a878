import type { OnModuleInit } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { type KeyRegistry, LockConfigurationError } from '../core/index.js';
import { literalLocksOf } from './literal-locks.js';
import { LOCK_RUNTIME, type LockHost } from './lock-host.js';
import type { ProviderScan } from './provider-scan.js';
import { readService, serviceKeysOf, writeService } from './service-key.js';

/**
 * Inspects every provider and controller at startup. It gives objects that a factory made their service, as
 * Nest injects nothing into those, and pins the names of locks that are written in decorators, so that they
 * are known where locks are shown. It patches no method.
 */
export class LockedProviders implements OnModuleInit {
  constructor(
    private readonly scan: ProviderScan,
    private readonly moduleRef: ModuleRef,
    /** Of the module's own service. */
    private readonly serviceKey: symbol,
    private readonly keys: KeyRegistry,
  ) {}

  onModuleInit(): void {
    const { provided } = this.scan;
    for (const { instance, isMadeByNest } of provided) if (!isMadeByNest) this.giveServices(instance);
    for (const { name, serviceKey, keyScheme } of provided.flatMap(({ instance }) =>
      literalLocksOf(instance),
    ))
      if (serviceKey === this.serviceKey) this.keys.pin(name, keyScheme);
  }

  private giveServices(instance: object): void {
    for (const serviceKey of serviceKeysOf(instance)) {
      const service = this.serviceFor(serviceKey, instance);
      const present = readService(instance, serviceKey);
      if (present === service) continue;
      if (present !== undefined && present[LOCK_RUNTIME]?.isClosed !== true) {
        throw new LockConfigurationError(
          'An object with locked methods must be a provider of one application, received an object of ' +
            `class ${instance.constructor.name} that two applications provide: its methods could only use ` +
            'the locks of one of them. Make an object for each, with `useFactory` or `useClass`.',
        );
      }
      if (!Object.isExtensible(instance)) {
        throw new LockConfigurationError(
          'An object with locked methods must be extensible, as it gets a property for the ' +
            `AdvisoryLockService, received an object of class ${instance.constructor.name} that is frozen ` +
            'or sealed. Provide an extensible object, or use AdvisoryLockService by hand.',
        );
      }
      writeService(instance, serviceKey, service);
    }
  }

  private serviceFor(serviceKey: symbol, instance: object): LockHost {
    try {
      return this.moduleRef.get<LockHost>(serviceKey, { strict: false });
    } catch (cause) {
      throw new LockConfigurationError(
        `${instance.constructor.name} has locked methods that need the ${String(serviceKey.description)}, ` +
          'which is not imported here. Import that module.',
        { cause },
      );
    }
  }
}
