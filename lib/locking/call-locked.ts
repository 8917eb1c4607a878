import { isObservable } from 'rxjs';
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
}

/**
 * Calls the method while the lock is held. Whatever fails, it rejects, and the method does not run without
 * its lock.
 */
export async function callLocked(lock: MethodLock, call: MethodCall): Promise<unknown> {
  const { method, methodName, instance, args } = call;
  const service = requiredService(instance, lock.serviceKey, methodName);
  const name = lock.nameOf(args);
  const caller = { [CALLER]: describeMethod(instance, methodName) };
  const lockOptions = { ...lock.lockOptions, ...caller };
  const transaction = lock.transaction && { ...lock.transaction, ...caller };
  const body = async (): Promise<unknown> => {
    const result: unknown = await Reflect.apply(method, instance, args);
    if (transaction !== undefined) return collected(result, caller[CALLER]);
    if (!isObservable(result)) return result;
    return holdUntilDone(
      await service.acquire(name, { ...lockOptions, reentry: 'join' }),
      result,
      caller[CALLER],
    );
  };
  if (lock.onBusy === 'throw') {
    if (transaction === undefined) return service.withLock(name, body, lockOptions);
    return service.withTransactionLock(oneName(name), body, transaction);
  }
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
