import type { AsyncLocalStorage } from 'node:async_hooks';
import type { Method, MethodCall } from '../locking/locked-method.js';

/*
 * What instruments an application by the option `instrument` of Nest wraps the methods of providers. It must
 * not take each firing of a timer for a run of the job, nor call the method with another object than the one
 * that Nest provides. `@nestjs/observe` 0.3
 *
 * - traces each firing of a timer, and drops a trace in which nothing was recorded;
 * - records the calls of all methods of providers, except of functions that have properties;
 * - keeps its trace in a Map, in the `AsyncLocalStorage` that it provides.
 */

/** The key under which it keeps the trace. */
const TRACE = '#registryKey';

/** Runs the method of a job where its caller's trace is. */
type InTrace = <T>(body: () => T) => T;

/**
 * Lets calls of the decorated method go unrecorded, and puts the method itself on the class once more: calls
 * of that are recorded.
 *
 * @returns the key of the method itself.
 */
export function exposeBody(target: object, methodName: string, decorated: Method, method: Method): symbol {
  const key = Symbol(methodName);
  // A function of its own, as a property of the decorated method is one of the method.
  const body: Method = function (...args) {
    return Reflect.apply(method, this, args);
  };
  Object.defineProperty(target, key, { value: body, configurable: true, writable: true });
  Object.defineProperty(decorated, 'isExclusiveJob', { value: true, configurable: true, enumerable: true });
  return key;
}

/** The call of a job whose method is run by its key, in the trace of the caller. */
export function callOf(call: MethodCall, key: symbol, inTrace: InTrace): MethodCall {
  // An object of another class may borrow the method.
  const method = (Reflect.get(call.instance, key) as Method | undefined) ?? call.method;
  return { ...call, method: (...args) => inTrace(() => Reflect.apply(method, call.instance, args)) };
}

/**
 * Calls the steps of a job outside the trace of its caller, and gives them what runs the method inside.
 *
 * @param storages - what the application provides, among it that of the traces, if there is one.
 */
export function outsideTrace<T>(
  storages: readonly AsyncLocalStorage<unknown>[],
  steps: (inTrace: InTrace) => T,
): T {
  for (const storage of storages) {
    const store = storage.getStore();
    if (store instanceof Map && store.has(TRACE))
      return storage.run(undefined, () => steps((body) => storage.run(store, body)));
  }
  return steps((body) => body());
}
