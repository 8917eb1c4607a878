import { isObservable } from 'rxjs';
import type { AdvisoryLockService } from '../nest/advisory-lock.service.js';
import {
  describeNames,
  isOneName,
  LockConfigurationError,
  type LockName,
  type LockNames,
  type LockOptions,
  LockShutdownError,
  type LockUnavailableError,
  type SkipReason,
  type TransactionLockOptions,
} from '../core/index.js';
import { holdUntilDone } from './hold-until-done.js';
import { readSlot } from './service-key.js';

/** What an `onBusy` function is told. */
export interface BusyContext<Args extends readonly unknown[] = readonly unknown[]> {
  /** The lock that somebody else holds. */
  readonly lockName: string;
  /** The arguments that the method was called with. */
  readonly args: Args;
  /** The object whose method was called. */
  readonly instance: object;
  readonly methodName: string;
  /** What `onBusy: 'throw'` would throw. */
  readonly error: LockUnavailableError;
}

/** What happens when the lock is busy. */
export type OnBusy<Args extends readonly unknown[] = readonly unknown[]> =
  'throw' | 'skip' | ((context: BusyContext<Args>) => unknown);

/** One method, and how it is locked. */
export interface LockedMethod {
  readonly method: (this: object, ...args: unknown[]) => unknown;
  readonly methodName: string;
  /** Where its object has the service. */
  readonly slot: symbol;
  readonly nameOf: (instance: object, args: readonly unknown[]) => LockNames;
  /** Whether this instance may ask for the lock at all; the call answers `undefined` when not. */
  readonly isItsTurn?: ((service: AdvisoryLockService, instance: object) => boolean) | undefined;
  readonly onBusy: OnBusy;
  /** Who is told that a call does without the lock, and why; those of methods that are skipped are told to who listens. */
  readonly onSkip?: ((reason: 'held' | 'claimed') => void) | undefined;
  /** What happens when it is called while the application shuts down. It rejects with `LOCK_SHUTDOWN` when left out. */
  readonly onShutdown: ((instance: object) => unknown) | undefined;
  readonly lockOptions: LockOptions;
  /** For a method that runs in a transaction, which holds the lock: the options of that. */
  readonly transaction?: TransactionLockOptions | undefined;
}

/** Calls the method while the lock is held. Whatever is wrong, it rejects, and the method does not run without its lock. */
export async function runLocked(
  locked: LockedMethod,
  instance: object,
  args: readonly unknown[],
): Promise<unknown> {
  const service = serviceOf(locked, instance);
  if (locked.isItsTurn?.(service, instance) === false) return undefined;
  const name = locked.nameOf(instance, args);
  const progress = { hasBegun: false };
  const body = async (): Promise<unknown> => {
    progress.hasBegun = true;
    const result: unknown = await Reflect.apply(locked.method, instance, args);
    if (!isObservable(result)) return result;
    if (locked.transaction !== undefined) throw streamInTransaction(locked.methodName);
    return holdUntilDone(await service.acquire(name), result);
  };
  const run = async (): Promise<unknown> => {
    const { transaction, lockOptions } = locked;
    if (locked.onBusy === 'throw') {
      if (transaction === undefined) return service.withLock(name, body, lockOptions);
      return service.withTransactionLock(oneName(name), body, transaction);
    }
    const outcome = await (transaction === undefined
      ? service.tryWithLock(name, body, lockOptions)
      : service.tryWithTransactionLock(oneName(name), body, transaction));
    return outcome.acquired ? outcome.value : busy(service, locked, instance, args, name);
  };
  return refuseQuietly(locked, instance, run, progress);
}

/** Runs what takes the lock; where it is refused because the application shuts down, as the method wants it. */
export async function refuseQuietly(
  { onShutdown }: LockedMethod,
  instance: object,
  run: () => Promise<unknown>,
  progress = { hasBegun: false },
): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    const isRefused = !progress.hasBegun && error instanceof LockShutdownError;
    if (isRefused && onShutdown !== undefined) return onShutdown(instance);
    throw error;
  }
}

/** Whoever reads a stream slowly would keep the transaction open, and with it a connection of the pool. */
export function streamInTransaction(method: string): LockConfigurationError {
  return new LockConfigurationError(
    `${method} answers an Observable, but with scope: 'transaction' it has to answer a Promise: the transaction, with its lock, is ` +
      'over before anybody reads the stream. Collect the values in the method, or leave `scope` out, as a session lock lasts ' +
      'until the stream is done.',
  );
}

function oneName(name: LockNames): LockName {
  if (isOneName(name)) return name;
  throw new LockConfigurationError(
    `A transaction takes one lock, but "${describeNames(name)}" was asked for. Take the others with lockInTransaction() inside.`,
  );
}

/** What a call answers, or throws, that has to do without the lock. */
export function busy(
  service: AdvisoryLockService,
  { onBusy, onSkip, methodName, lockOptions }: LockedMethod,
  instance: object,
  args: readonly unknown[],
  name: LockNames,
  reason: 'held' | 'claimed' = 'held',
): unknown {
  if (onSkip !== undefined) onSkip(reason);
  else if (onBusy === 'skip')
    tellSkip(service, describeMethod(instance, methodName), describeNames(name), reason);
  if (onBusy === 'skip') return undefined;
  const error = service.unavailable(name, lockOptions);
  if (onBusy === 'throw') throw error;
  return onBusy({ lockName: describeNames(name), args, instance, methodName, error });
}

function tellSkip(
  { events }: AdvisoryLockService,
  method: string,
  lockName: string,
  reason: SkipReason,
): void {
  if (events.isHeard) events.emit({ type: 'skipped', at: new Date(), lockName, method, reason });
}

/** What a method is called in messages: `Reports.nightly`. */
export function describeMethod(instance: object, methodName: string): string {
  const { constructor } = instance;
  // Of what has no class of its own, the method's name says all.
  return constructor === Object ? methodName : `${constructor.name}.${methodName}`;
}

/** The service of the object; throws `LOCK_CONFIGURATION` when it has none. */
export function serviceOf({ slot, methodName }: LockedMethod, instance: unknown): AdvisoryLockService {
  const isObject = typeof instance === 'object' && instance !== null;
  const service = isObject ? readSlot(instance, slot) : undefined;
  if (service !== undefined) return service;
  const isOfAClass = isObject && 'constructor' in instance;
  const where = isOfAClass ? `${instance.constructor.name}.${methodName}` : methodName;
  throw new LockConfigurationError(
    `${where} asks for an advisory lock, but its object has no ${slot.description ?? 'AdvisoryLockService'}, so it did not ` +
      'run. The object was made by hand, or by a factory in request scope, or the method was called without its object, or ' +
      'before the modules were initialised: let Nest make it as a provider of an application that imports the module.',
  );
}
