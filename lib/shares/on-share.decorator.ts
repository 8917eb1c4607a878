import { checkedShare, declareShareMethod, type OnShareOptions } from './share-method.js';
import type { ShareBody } from './shares.options.js';

/**
 * A decorator for methods that need only the number of a shard and a signal. On any other method it does not
 * compile.
 */
export type ShareMethodDecorator = <Method extends ShareBody>(
  target: object,
  propertyKey: string | symbol,
  descriptor?: TypedPropertyDescriptor<Method>,
) => void;

/**
 * Divides work among the instances of the fleet: calls the method with the number of each shard that this
 * instance owns, from 0 to `of - 1`, as `AdvisoryLockService.shares` does. Each shard is owned by one
 * instance at a time, and each instance owns as many as the others, or one more.
 *
 * The method runs inside the lock of its shard, and gets a signal that aborts when it must stop: with a
 * `LockLostError` when the shard was lost, with an `AbortError` when another instance is to have it or the
 * application shuts down. The next owner starts when the method has settled. All methods of a name, in any
 * provider, share the shards. When one of them throws, the error is logged and the shard is given up for a
 * moment.
 *
 * @param name - the name of what is divided.
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) at decoration time, for an invalid name or
 * option, or for anything but an instance method; at the bootstrap, when the provider is request-scoped or
 * transient, or methods of one name differ in `of`.
 * @example
 * ```ts
 * @OnShare('tenants', { of: 64 })
 * async work(shard: number, signal: AbortSignal): Promise<void> {
 *   for await (const order of this.feed.ordersOf(shard, { signal })) await this.store(order);
 * }
 * ```
 */
export function OnShare(name: string, options: OnShareOptions): ShareMethodDecorator {
  const share = checkedShare(name, options);
  const decorate = (
    target: object,
    propertyKey: string | symbol,
    descriptor: PropertyDescriptor | undefined,
  ): void => {
    declareShareMethod(target, propertyKey, descriptor, share);
  };
  return decorate;
}
