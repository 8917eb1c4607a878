import 'reflect-metadata';
import { isOneName, type KeyScheme, type LockName, type LockNames } from '../core/index.js';

const LITERALS = Symbol.for('nestjs-advisory-lock:literal-locks');

/** A lock whose name is written in a decorator, and so is known before it is used. */
export interface LiteralLock {
  readonly name: LockName;
  /** The key of the service that takes it. */
  readonly serviceKey: symbol;
  readonly keyScheme?: KeyScheme | undefined;
}

/** Records on the class which locks its methods take. */
export function noteLiteralLocks(
  prototype: object,
  names: LockNames,
  serviceKey: symbol,
  keyScheme?: KeyScheme,
): void {
  const all = isOneName(names) ? [names] : names;
  const locks = all.map((name): LiteralLock => ({ name, serviceKey, keyScheme }));
  Reflect.defineMetadata(LITERALS, [...literalLocksOf(prototype), ...locks], prototype);
}

/** The literal locks of a class by its prototype, inherited ones included. */
export function literalLocksOf(prototype: object): readonly LiteralLock[] {
  return (Reflect.getMetadata(LITERALS, prototype) as readonly LiteralLock[] | undefined) ?? [];
}
