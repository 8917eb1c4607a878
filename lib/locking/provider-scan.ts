import type { DiscoveryService } from '@nestjs/core';

/** An object that the application provides. */
export interface Provided {
  readonly instance: object;
  /** Made by Nest from its class, with injection, rather than by a factory or as a value. */
  readonly isMadeByNest: boolean;
  /** Neither request-scoped nor transient. */
  readonly isSingleton: boolean;
}

/**
 * Finds what an application provides: once for each configured module, at the first read in `onModuleInit`.
 */
export class ProviderScan {
  private found: readonly Provided[] | undefined;

  constructor(private readonly discovery: DiscoveryService) {}

  /** Every provider and controller, each object once, under however many tokens it is provided. */
  get provided(): readonly Provided[] {
    this.found ??= this.scan();
    return this.found;
  }

  private scan(): Provided[] {
    const provided = new Map<object, Provided>();
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const instance: unknown = wrapper.instance;
      if (typeof instance !== 'object' || instance === null) continue;
      provided.set(instance, {
        instance,
        isMadeByNest: !wrapper.isNotMetatype,
        isSingleton: wrapper.isDependencyTreeStatic() && !wrapper.isTransient,
      });
    }
    return [...provided.values()];
  }
}
