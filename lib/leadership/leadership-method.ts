import 'reflect-metadata';
import { getAdvisoryLockToken } from '../locking/advisory-lock.tokens.js';
import { aModuleName, checkOptions, describeNames, KeyRegistry, type LockName } from '../core/index.js';
import { noteLiteralLocks } from '../locking/literal-locks.js';
import { checkedMethod } from '../locking/locked-method.js';
import { declareServiceKey } from '../locking/service-key.js';

const METHODS = Symbol.for('nestjs-advisory-lock:leadership-methods');

/**
 * The options of `@OnLeadership` and `@OnLeadershipEnd`.
 *
 * @example
 * ```ts
 * @OnLeadership('feed', { connection: 'archive' })
 * async start(): Promise<void> {}
 * ```
 */
export interface OnLeadershipOptions {
  /**
   * Which configured module campaigns, by its `name`.
   * @default the default module
   */
  readonly connection?: string;
}

/**
 * A decorator for methods that need only the signal of a leadership. On any other method it does not compile.
 */
export type LeadershipMethodDecorator = <Method extends (signal: AbortSignal) => void | PromiseLike<void>>(
  target: object,
  propertyKey: string | symbol,
  descriptor?: TypedPropertyDescriptor<Method>,
) => void;

/** What `@OnLeadership` and `@OnLeadershipEnd` record about a method. */
export interface LeadershipMethod {
  /** Which of them it is, as it is written. */
  readonly decorator: '@OnLeadership' | '@OnLeadershipEnd';
  readonly propertyKey: string | symbol;
  /** The name of the leadership. */
  readonly name: LockName;
  /** The key of the service that campaigns. */
  readonly serviceKey: symbol;
}

/**
 * Records on the class that the method must be called, and asks Nest for the service, as without its module
 * nothing would call the method.
 */
export function leadershipMethod(
  decorator: LeadershipMethod['decorator'],
  name: LockName,
  options: OnLeadershipOptions,
): LeadershipMethodDecorator {
  new KeyRegistry().keyOf(name);
  checkOptions(options, { connection: aModuleName }, decorator);
  const serviceKey = getAdvisoryLockToken(options.connection);
  const decorate = (
    target: object,
    propertyKey: string | symbol,
    descriptor: PropertyDescriptor | undefined,
  ): void => {
    checkedMethod(target, propertyKey, descriptor);
    declareServiceKey(target, serviceKey);
    noteLiteralLocks(target, name, serviceKey);
    const method = { decorator, propertyKey, name, serviceKey };
    // A subclass may override the method, decorator and all.
    const others = leadershipMethodsOf(target).filter((other) => !isSame(other, method));
    Reflect.defineMetadata(METHODS, [...others, method], target);
  };
  return decorate;
}

/** The leadership methods of a class by its prototype, inherited ones included. */
export function leadershipMethodsOf(prototype: object): readonly LeadershipMethod[] {
  return (Reflect.getMetadata(METHODS, prototype) as readonly LeadershipMethod[] | undefined) ?? [];
}

function isSame(one: LeadershipMethod, other: LeadershipMethod): boolean {
  return (
    one.decorator === other.decorator &&
    one.propertyKey === other.propertyKey &&
    one.serviceKey === other.serviceKey &&
    describeNames(one.name) === describeNames(other.name)
  );
}
