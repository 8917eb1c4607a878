import { isObservable, type Observable } from 'rxjs';
import {
  CALLER,
  describeNames,
  discard,
  isOneName,
  isReadLater,
  LockConfigurationError,
  type LockName,
  type LockNames,
  type LockOptions,
  LockUnavailableError,
  readAfterCommit,
  type TransactionLockOptions,
} from '../core/index.js';
import { describeMethod } from './describe-method.js';
import { holdUntilDone } from './hold-until-done.js';
import { LOCK_RUNTIME, type LockHost } from './lock-host.js';
import type { MethodCall } from './locked-method.js';
import { type OnBusy, settleBusy } from './on-busy.js';
import { requiredService } from './required-service.js';

/** How the lock of a method with `@WithAdvisoryLock` is taken. */
export interface MethodLock {
  readonly serviceKey: symbol;
  readonly nameOf: (args: readonly unknown[]) => LockNames;
  readonly onBusy: OnBusy;
  readonly lockOptions: LockOptions;
  /** The options of the transaction that holds the lock, for a method that runs in one. */
  readonly transaction: TransactionLockOptions | undefined;
  /** The options for the last call, as most methods are called on objects of one class. */
  known?: OptionsOfClass;
}

/** The options with the name of the method, as objects of the class have it. */
interface OptionsOfClass {
  readonly constructor: unknown;
  /** One decorator may stand on several methods. */
  readonly methodName: string;
  /** With the name of the class. */
  readonly method: string;
  readonly lockOptions: LockOptions;
  readonly transaction: TransactionLockOptions | undefined;
}

/**
 * Calls the method while the lock is held. Whatever fails, it rejects, and the method does not run without
 * its lock.
 */
export function callLocked(lock: MethodLock, call: MethodCall): Promise<unknown> {
  try {
    const service = requiredService(call.instance, lock.serviceKey, call.methodName);
    const name = lock.nameOf(call.args);
    const options = optionsFor(lock, call);
    const body = (): unknown => run(service, name, options, call);
    const { lockOptions, transaction } = options;
    // The promise of the service itself, where it returns one, as a fake may not: an async function around it
    // costs as much as the body.
    if (lock.onBusy !== 'throw') return callUnlessBusy(service, lock, call, name, body);
    if (transaction === undefined) return Promise.resolve(service.withLock(name, body, lockOptions));
    return Promise.resolve(service.withTransactionLock(oneName(name), body, transaction));
  } catch (error) {
    const reason = error as Error;
    return Promise.reject(reason);
  }
}

function optionsFor(lock: MethodLock, { instance, methodName }: MethodCall): OptionsOfClass {
  const { known, lockOptions, transaction } = lock;
  const { constructor } = instance as { constructor: unknown };
  if (known?.methodName === methodName && known.constructor === constructor) return known;
  const method = describeMethod(instance, methodName);
  const caller = { [CALLER]: method };
  lock.known = {
    constructor,
    methodName,
    method,
    lockOptions: Object.freeze({ ...lockOptions, ...caller }),
    transaction: transaction && Object.freeze({ ...transaction, ...caller }),
  };
  return lock.known;
}

/**
 * Calls the method inside its lock. With no asynchronous function of its own: it would cost a fifth of what
 * the lock itself costs the process.
 */
function run(service: LockHost, name: LockNames, options: OptionsOfClass, call: MethodCall): unknown {
  const settle = (value: unknown): unknown => {
    if (options.transaction !== undefined) return collected(value, options.method);
    return isObservable(value) ? keepWhileRead(service, name, options, value) : value;
  };
  const result: unknown = Reflect.apply(call.method, call.instance, call.args);
  return isThenable(result) ? Promise.resolve(result).then(settle) : settle(result);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined | null)?.then === 'function';
}

async function keepWhileRead(
  service: LockHost,
  name: LockNames,
  { method, lockOptions }: OptionsOfClass,
  stream: Observable<unknown>,
): Promise<unknown> {
  return holdUntilDone(await service.acquire(name, { ...lockOptions, reentry: 'join' }), stream, method);
}

async function callUnlessBusy(
  service: LockHost,
  lock: MethodLock,
  call: MethodCall,
  name: LockNames,
  body: () => unknown,
): Promise<unknown> {
  const { lockOptions, transaction } = optionsFor(lock, call);
  const outcome = await (transaction === undefined
    ? service.tryWithLock(name, body, lockOptions)
    : service.tryWithTransactionLock(oneName(name), body, transaction));
  return outcome.acquired ? outcome.value : busy(service, lock, call, name);
}

/** What a method in a transaction resolves to, if it is not read later. */
function collected(result: unknown, method: string): unknown {
  if (isObservable(result)) throw streamInTransaction(method);
  if (!isReadLater(result)) return result;
  discard(result);
  throw readAfterCommit(`${method}, which has scope: 'transaction',`, result);
}

/** A slow subscriber would keep the transaction open, and with it a connection of the pool. */
export function streamInTransaction(method: string): LockConfigurationError {
  return new LockConfigurationError(
    `${method} must return a Promise, as it has scope: 'transaction', received an Observable: the ` +
      'transaction ends, with its lock, before a subscriber reads the stream. Collect the values in the ' +
      'method, or leave `scope` out, as a session lock is held until the stream ends.',
  );
}

function oneName(name: LockNames): LockName {
  if (isOneName(name)) return name;
  throw new LockConfigurationError(
    `A method with scope: 'transaction' must have one lock, received "${describeNames(name)}". Take the ` +
      'others with lockInTransaction() inside the method.',
  );
}

function busy(
  service: LockHost,
  { onBusy, lockOptions }: MethodLock,
  { instance, args, methodName }: MethodCall,
  name: LockNames,
): unknown {
  const { [LOCK_RUNTIME]: runtime } = service;
  const lockName = describeNames(name);
  if (onBusy === 'skip' && runtime?.events.hasListeners === true) {
    const method = describeMethod(instance, methodName);
    runtime.events.emit({ type: 'skipped', at: new Date(), lockName, method, reason: 'held' });
  }
  const error = runtime?.locks.unavailable(name, lockOptions) ?? new LockUnavailableError(lockName);
  return settleBusy(onBusy, { lockName, args, instance, methodName, error });
}
