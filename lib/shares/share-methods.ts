import type { OnApplicationBootstrap, OnModuleInit } from '@nestjs/common';
import { LockConfigurationError } from '../core/index.js';
import type { Provided, ProviderScan } from '../locking/provider-scan.js';
import type { ShareGroups } from './share-groups.js';
import { shareMethodsOf } from './share-method.js';
import type { ShareBody } from './shares.options.js';

/** Finds the methods with `@OnShare`, and takes part once for each name. It leaves at shutdown. */
export class ShareMethods implements OnModuleInit, OnApplicationBootstrap {
  private readonly found = new Map<string, { readonly of: number; readonly gain: ShareBody[] }>();

  constructor(
    private readonly scan: ProviderScan,
    /** Of the module's own service. */
    private readonly serviceKey: symbol,
    private readonly groups: ShareGroups,
  ) {}

  onModuleInit(): void {
    for (const each of this.scan.provided) this.addMethods(each);
  }

  onApplicationBootstrap(): void {
    for (const [name, { of, gain }] of this.found) this.groups.join(name, { of, gain, lose: [] });
  }

  private addMethods({ instance, isSingleton }: Provided): void {
    for (const { serviceKey, propertyKey, name, of } of shareMethodsOf(instance)) {
      if (serviceKey !== this.serviceKey) continue;
      const where = `@OnShare on ${instance.constructor.name}.${String(propertyKey)}`;
      if (!isSingleton) {
        throw new LockConfigurationError(
          `${where} would never be called: the provider is request-scoped or transient, and an owner needs ` +
            'one object. Move the method to a provider in the default scope.',
        );
      }
      const group = this.found.get(name) ?? { of, gain: [] };
      if (group.of !== of) {
        throw new LockConfigurationError(
          `The option \`of\` of ${where} must be the same in all methods with the name "${name}", received ` +
            `${group.of} and ${of}.`,
        );
      }
      this.found.set(name, group);
      group.gain.push((shard, signal) =>
        (instance as Record<string | symbol, ShareBody>)[propertyKey]?.(shard, signal),
      );
    }
  }
}
