import 'reflect-metadata';
import { isObservable, Observable } from 'rxjs';
import { LockConfigurationError } from '../core/index.js';

/** A method of a provider or controller. */
export type Method = (this: object, ...args: unknown[]) => unknown;

/** One call of a decorated method. */
export interface MethodCall {
  /** As the class declares it. */
  readonly method: Method;
  readonly methodName: string;
  /** Not an object when the method was taken from its object. */
  readonly instance: object;
  readonly args: readonly unknown[];
}

// Nest sends the status of server-sent events before it subscribes, so for those the lock is taken at the
// call.
const SSE_METADATA = '__sse__';

/** Replaces the method by one whose calls go through `run`, and returns the replacement. */
export function replaceMethod(
  target: object,
  propertyKey: string | symbol,
  descriptor: PropertyDescriptor | undefined,
  run: (call: MethodCall) => Promise<unknown>,
): Method {
  const method = checkedMethod(target, propertyKey, descriptor);
  const methodName = String(propertyKey);
  const returnsStream = returnsObservable(target, propertyKey);
  // A proxy keeps the name and length of the method. The metadata that decorators below have set on it is
  // copied, and decorators above set theirs on the proxy, so both orders work.
  const proxy: Method = new Proxy(method, {
    apply: (_method, instance: object, args: unknown[]) => {
      const call = { method, methodName, instance, args };
      return returnsStream && !Reflect.hasMetadata(SSE_METADATA, proxy)
        ? whenSubscribed(() => run(call))
        : run(call);
    },
  });
  for (const key of Reflect.getMetadataKeys(method) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), proxy);
  }
  // Mutated, because applyDecorators() drops a descriptor that is returned.
  if (descriptor !== undefined) descriptor.value = proxy;
  return proxy;
}

/** Whether the method is declared to return an Observable. */
export function returnsObservable(target: object, propertyKey: string | symbol): boolean {
  return Reflect.getMetadata('design:returntype', target, propertyKey) === Observable;
}

/**
 * For a method that is declared to return an Observable: each subscription takes the lock and calls the
 * method.
 */
function whenSubscribed(call: () => Promise<unknown>): Observable<unknown> {
  return new Observable((subscriber) => {
    call().then(
      (result) => {
        if (isObservable(result)) {
          result.subscribe(subscriber);
        } else {
          subscriber.next(result);
          subscriber.complete();
        }
      },
      (error: unknown) => {
        subscriber.error(error);
      },
    );
  });
}

/** Refuses to decorate anything but an instance method. */
export function checkedMethod(
  target: object,
  propertyKey: string | symbol,
  descriptor: PropertyDescriptor | undefined,
): Method {
  const isStatic = typeof target === 'function';
  if (!isStatic && typeof descriptor?.value === 'function') {
    if (isGenerator(descriptor.value as object)) throw generatorMethod(target, propertyKey);
    return descriptor.value as Method;
  }
  const className = isStatic ? target.name : target.constructor.name;
  throw new LockConfigurationError(
    `A lock decorator must be on an instance method, received ${className}.${String(propertyKey)}, which ` +
      `is ${isStatic ? 'static' : 'not a method'}. Move it to an instance method of a provider or ` +
      'controller.',
  );
}

/** Whether a call makes a generator, of which no code has run when the call returns. */
function isGenerator(method: object): boolean {
  return /GeneratorFunction\]$/.test(Object.prototype.toString.call(method));
}

function generatorMethod(target: object, propertyKey: string | symbol): LockConfigurationError {
  return new LockConfigurationError(
    `A lock decorator must be on a method that returns a Promise or an Observable, received the generator ` +
      `${target.constructor.name}.${String(propertyKey)}, which has not begun when its call returns. ` +
      'Decorate an `async` method that returns the generator: it keeps the lock until that has been read.',
  );
}
