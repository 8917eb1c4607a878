import type { Provider, Type } from '@nestjs/common';

const COPIES = Symbol.for('nestjs-advisory-lock:class-copies');

/**
 * Of all copies of the package, by their names, which a minifier may have changed in the classes
 * themselves.
 */
type Copies = Map<string, Set<Type>>;

const globals = globalThis as unknown as Record<symbol, Copies | undefined>;
const copies: Copies = (globals[COPIES] ??= new Map<string, Set<Type>>());

/**
 * Makes the class known to the modules of other copies of the package in this process: the ES module and the
 * CommonJS half, or two versions.
 */
export function shareClass(name: string, own: Type): void {
  copies.set(name, (copies.get(name) ?? new Set<Type>()).add(own));
}

/**
 * Provides the instance of the class for the classes of the other copies, as far as those are loaded by now.
 */
export function providersOfCopies(name: string, own: Type): Provider[] {
  const others = [...(copies.get(name) ?? [])].filter((copy) => copy !== own);
  return others.map((provide) => ({ provide, useExisting: own }));
}
