import { ScheduleExplorer, SchedulerRegistry } from '@nestjs/schedule';
import { AsyncLocalStorage } from 'node:async_hooks';
import { defer } from '../../support/cleanup.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;

interface Explorer {
  wrapFunctionInTryCatchBlocks(method: Method, instance: object): unknown;
}

/**
 * Instruments an application as `@nestjs/observe` 0.3.3 does: it traces each firing of a timer, records the
 * calls of the methods of these classes in it, and counts a run when anything was recorded.
 */
export function observe(...classes: (new (...args: never[]) => object)[]) {
  const traces = new AsyncLocalStorage<Map<string, unknown>>();
  const runs: string[] = [];
  const recorded = [SchedulerRegistry, ...classes];

  const instanceDecorator = (instance: unknown): unknown =>
    recorded.some((each) => instance instanceof each) ? recording(instance as object) : instance;

  function recording(instance: object): object {
    const methods = new WeakMap<object, Method>();
    return new Proxy(instance, {
      get(target, key, receiver) {
        const value = Reflect.get(target, key) as unknown;
        if (typeof value !== 'function' || key === 'constructor' || Object.keys(value).length > 0)
          return value;
        const method: Method =
          methods.get(value) ??
          function (...args) {
            const spans = traces.getStore()?.get('spans') as string[] | undefined;
            spans?.push(`${target.constructor.name}.${String(key)}`);
            // Outside a trace it calls the object itself.
            return Reflect.apply(value, spans === undefined ? target : receiver, args) as unknown;
          };
        methods.set(value, method);
        Object.defineProperty(method, 'name', { value: value.name });
        for (const each of Reflect.getMetadataKeys(value) as unknown[])
          Reflect.defineMetadata(each, Reflect.getMetadata(each, value), method);
        return method;
      },
    });
  }

  const explorer = ScheduleExplorer.prototype as unknown as Explorer;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the explorer
  const wrap = explorer.wrapFunctionInTryCatchBlocks;
  explorer.wrapFunctionInTryCatchBlocks = function (method, instance) {
    const traced: Method = (...args) => {
      const spans: string[] = [];
      const store = new Map<string, unknown>([
        ['#registryKey', {}],
        ['spans', spans],
      ]);
      return traces.run(store, async () => {
        try {
          return await Reflect.apply(method, instance, args);
        } finally {
          if (spans.length > 0) runs.push(`${instance.constructor.name}.${method.name}`);
        }
      });
    };
    return wrap.call(this, traced, instance);
  };
  defer(() => {
    explorer.wrapFunctionInTryCatchBlocks = wrap;
  });
  return { instanceDecorator, runs, provider: { provide: AsyncLocalStorage, useValue: traces } };
}
