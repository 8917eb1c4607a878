import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Storage that follows asynchronous calls, the same for all copies of the package in the process. The ES module and the
 * CommonJS half may both be loaded: inside a lock, a transaction or a tick means the same for both.
 */
export function sharedStorage<T>(name: string): AsyncLocalStorage<T> {
  const key = Symbol.for(`nestjs-advisory-lock:${name}`);
  const globals = globalThis as unknown as Record<symbol, AsyncLocalStorage<T> | undefined>;
  return (globals[key] ??= new AsyncLocalStorage<T>());
}
