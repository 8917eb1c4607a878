import type { DiscoveryService } from '@nestjs/core';

/** An object that the application provides. */
export interface Provided {
  readonly instance: object;
  /** By its class, with injection, rather than by a factory or as a value. */
  readonly isMadeByNest: boolean;
  /** Neither request-scoped nor transient. */
  readonly isSingleton: boolean;
}

/** Every provider and controller, each object once, under however many tokens it is provided. */
export function allProvided(discovery: DiscoveryService): Provided[] {
  const provided = new Map<object, Provided>();
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
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
