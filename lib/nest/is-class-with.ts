import type { InjectionToken } from '@nestjs/common';

/**
 * Whether a token is the class that defines these methods, of whichever copy of its package, and none that
 * extends it. By its form, as the package need not be loaded.
 */
export function isClassWith(token: unknown, ...methods: readonly string[]): token is InjectionToken {
  if (typeof token !== 'function') return false;
  const prototype: unknown = token.prototype;
  return (
    typeof prototype === 'object' &&
    prototype !== null &&
    methods.every((name) => Object.hasOwn(prototype, name))
  );
}
