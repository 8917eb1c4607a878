import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Storage that follows asynchronous calls. All copies of the package in the process share it: the ES module
 * and the CommonJS half may both be loaded, and "inside a lock" means the same for both.
 */
export function sharedStorage<T>(name: string): AsyncLocalStorage<T> {
  const key = Symbol.for(`nestjs-advisory-lock:${name}`);
  const globals = globalThis as unknown as Record<symbol, AsyncLocalStorage<T> | undefined>;
  return (globals[key] ??= new AsyncLocalStorage<T>());
}
