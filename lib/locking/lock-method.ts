import 'reflect-metadata';
import { isObservable, Observable } from 'rxjs';
import { getAdvisoryLockToken } from './advisory-lock.tokens.js';
import { LockConfigurationError } from '../core/index.js';
import { declareSlot } from './service-key.js';
import { type LockedMethod, runLocked, streamInTransaction } from './run-locked.js';

/** How a decorator wants its method locked. */
export type MethodLock = Pick<
  LockedMethod,
  'nameOf' | 'isItsTurn' | 'onBusy' | 'onShutdown' | 'lockOptions' | 'transaction'
> & {
  readonly connection: string | undefined;
};

// Nest has sent the status of a server-sent stream by the time it subscribes, so for those the lock is taken at the call.
const SSE_METADATA = '__sse__';

/** How a call of a locked method runs. */
export type Run = (locked: LockedMethod, instance: object, args: readonly unknown[]) => Promise<unknown>;

/** Replaces the method by one that runs while the lock is held, and answers that. */
export function lockMethod(
  target: object,
  propertyKey: string | symbol,
  descriptor: PropertyDescriptor | undefined,
  { connection, ...lock }: MethodLock,
  run: Run = runLocked,
): LockedMethod['method'] {
  const method = checkedMethod(target, propertyKey, descriptor);
  const slot = getAdvisoryLockToken(connection);
  declareSlot(target, slot);
  const locked: LockedMethod = { ...lock, method, methodName: String(propertyKey), slot };
  const returnsObservable = Reflect.getMetadata('design:returntype', target, propertyKey) === Observable;
  if (returnsObservable && locked.transaction !== undefined) {
    throw streamInTransaction(`${target.constructor.name}.${locked.methodName}`);
  }
  // A proxy keeps the name and length of the method; the metadata that decorators below have set on it is copied, and
  // what decorators above set lands on the proxy, so that both orders work.
  const proxy: LockedMethod['method'] = new Proxy(method, {
    apply: (_method, instance: object, args: unknown[]) =>
      returnsObservable && !Reflect.hasMetadata(SSE_METADATA, proxy)
        ? whenSubscribed(() => run(locked, instance, args))
        : run(locked, instance, args),
  });
  for (const key of Reflect.getMetadataKeys(method) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), proxy);
  }
  // Mutated, because applyDecorators() drops a descriptor that is returned.
  if (descriptor !== undefined) descriptor.value = proxy;
  return proxy;
}

/** For a method that is declared to return an Observable: it is called, and the lock taken, at each subscription. */
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

/** Refuses to decorate what is no method of objects. */
export function checkedMethod(
  target: object,
  propertyKey: string | symbol,
  descriptor: PropertyDescriptor | undefined,
): LockedMethod['method'] {
  const isStatic = typeof target === 'function';
  if (!isStatic && typeof descriptor?.value === 'function') return descriptor.value as LockedMethod['method'];
  const className = isStatic ? target.name : target.constructor.name;
  throw new LockConfigurationError(
    `A lock decorator has to stand on an instance method, but ${className}.${String(propertyKey)} is ` +
      `${isStatic ? 'static' : 'no method'}. Move it to an instance method of a provider or controller.`,
  );
}
