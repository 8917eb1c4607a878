import 'reflect-metadata';
import { getAdvisoryLockToken } from '../locking/advisory-lock.tokens.js';
import { aModuleName, checkOptions, describeNames, KeyRegistry, type LockName } from '../core/index.js';
import { noteLiteralLocks } from '../locking/literal-locks.js';
import { checkedMethod } from '../locking/locked-method.js';
import { declareServiceKey } from '../locking/service-key.js';

const METHODS = Symbol.for('nestjs-advisory-lock:leadership-methods');

/** The options of `@OnLeadership` and `@OnLeadershipEnd`. */
export interface OnLeadershipOptions {
  /**
   * Which configured module, by its `name`.
   * @default the default module
   */
  readonly connection?: string;
}

/** A decorator for methods that need nothing but the signal of a leadership; on any other method it does not compile. */
export type LeadershipMethodDecorator = <Method extends (signal: AbortSignal) => void | PromiseLike<void>>(
  target: object,
  propertyKey: string | symbol,
  descriptor?: TypedPropertyDescriptor<Method>,
) => void;

/** What `@OnLeadership` and `@OnLeadershipEnd` note of a method. */
export interface LeadershipMethod {
  /** Which of them it was, as it is written. */
  readonly decorator: '@OnLeadership' | '@OnLeadershipEnd';
  readonly propertyKey: string | symbol;
  /** What is led. */
  readonly name: LockName;
  /** The key of the service by which it is led. */
  readonly serviceKey: symbol;
}

/** Notes on the class that the method is to be called, and asks Nest for the service, as without its module nobody would call. */
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

/** Those of a class by its prototype, inherited ones included. */
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
