import 'reflect-metadata';
import { aModuleName, checkOptions, LockConfigurationError } from '../core/index.js';
import { getAdvisoryLockToken } from '../locking/advisory-lock.tokens.js';
import { checkedMethod } from '../locking/locked-method.js';
import { declareServiceKey } from '../locking/service-key.js';
import { checkShareName, countRules } from './shares.options.js';

const METHODS = Symbol.for('nestjs-advisory-lock:share-methods');

/**
 * The options of `@OnShare`.
 *
 * @example
 * ```ts
 * @OnShare('tenants', { of: 64, connection: 'archive' })
 * async work(shard: number, signal: AbortSignal): Promise<void> {}
 * ```
 */
export interface OnShareOptions {
  /** How many shards there are: a whole number from 1 to 1_024, the same in all instances. */
  readonly of: number;
  /**
   * Which configured module takes part, by its `name`.
   * @default the default module
   */
  readonly connection?: string;
}

/** What `@OnShare` records about a method. */
export interface ShareMethod {
  readonly propertyKey: string | symbol;
  readonly name: string;
  readonly of: number;
  /** The key of the service that takes part. */
  readonly serviceKey: symbol;
}

/** Records on the class that the method must be called, and asks Nest for the service. */
export function declareShareMethod(
  target: object,
  propertyKey: string | symbol,
  descriptor: PropertyDescriptor | undefined,
  method: Omit<ShareMethod, 'propertyKey'>,
): void {
  checkedMethod(target, propertyKey, descriptor);
  declareServiceKey(target, method.serviceKey);
  const { name, serviceKey } = method;
  // A subclass may override the method, decorator and all.
  const others = shareMethodsOf(target).filter(
    (other) => other.propertyKey !== propertyKey || other.name !== name || other.serviceKey !== serviceKey,
  );
  Reflect.defineMetadata(METHODS, [...others, { propertyKey, ...method }], target);
}

/** Throws `LOCK_CONFIGURATION` for an invalid name or option. */
export function checkedShare(name: string, options: OnShareOptions): Omit<ShareMethod, 'propertyKey'> {
  const { of, connection } = checkOptions(options, { ...countRules, connection: aModuleName }, '@OnShare');
  if ((of as number | undefined) === undefined) {
    throw new LockConfigurationError('@OnShare must have the option `of`, received none.');
  }
  checkShareName(name);
  return { name, of, serviceKey: getAdvisoryLockToken(connection) };
}

/** The share methods of a class by its prototype, inherited ones included. */
export function shareMethodsOf(prototype: object): readonly ShareMethod[] {
  return (Reflect.getMetadata(METHODS, prototype) as readonly ShareMethod[] | undefined) ?? [];
}
