import type {
  BusyHttpOptions,
  LockNames,
  ModeOptions,
  PermitOptions,
  TransactionLockOptions,
  WaitOptions,
} from '../core/index.js';
import { getAdvisoryLockToken } from './advisory-lock.tokens.js';
import type { LockedMethodDecorator } from './async-method.js';
import { callLocked, type MethodLock, streamInTransaction } from './call-locked.js';
import { noteLiteralLocks } from './literal-locks.js';
import { replaceMethod, returnsObservable } from './locked-method.js';
import { checkMethodOptions } from './method-options.js';
import type { OnBusy } from './on-busy.js';
import { declareServiceKey } from './service-key.js';

/** The options of `@WithAdvisoryLock`. */
export interface WithAdvisoryLockOptions<Args extends readonly unknown[] = readonly unknown[]>
  extends WaitOptions, ModeOptions, PermitOptions, BusyHttpOptions {
  /**
   * What happens when somebody else holds the lock: `'throw'` rejects with `LockUnavailableError`, `'skip'` resolves with
   * `undefined`, and a function supplies what the method answers.
   * @default 'throw'
   */
  readonly onBusy?: OnBusy<Args>;
  /**
   * Which configured module, by its `name`.
   * @default the default module
   */
  readonly connection?: string;
  /**
   * What holds the lock: `'session'`, a connection of the library's own, for as long as the method runs; or `'transaction'`,
   * which is opened for the method, and whose commit releases the lock.
   * @default 'session'
   */
  readonly scope?: 'session';
}

/**
 * The options of `@WithAdvisoryLock` for a method that runs in a transaction: it gets the `EntityManager` of that from
 * `currentEntityManager()`, and has to answer a Promise.
 */
export interface WithAdvisoryLockInTransactionOptions<Args extends readonly unknown[] = readonly unknown[]>
  extends Omit<WithAdvisoryLockOptions<Args>, 'scope'>, TransactionLockOptions {
  readonly scope: 'transaction';
}

/**
 * The method runs while the lock is held, on any provider or controller. Without the lock it never runs: busy, it rejects with
 * `LOCK_UNAVAILABLE` (HTTP: 409) unless `onBusy` says otherwise; with the database away, with `LOCK_CONNECTION`.
 *
 * The lock lasts until the Promise settles; of an Observable, until it completes, errors or is unsubscribed. A method that is
 * declared as `: Observable<…>` takes the lock when it is subscribed to. Inside a body that holds the same lock, it runs at once.
 *
 * @param name - the lock's name, several names, or a function of the method's arguments that answers them.
 * @throws {@link LockConfigurationError} at decoration time, for a static method or an option that cannot be.
 * @example
 * ```ts
 * @WithAdvisoryLock('rebuild-index')
 * async rebuild(): Promise<void> {}
 *
 * @WithAdvisoryLock<[id: string]>((id) => `order:${id}`)
 * async pay(id: string): Promise<Receipt> {}
 *
 * @WithAdvisoryLock('report', { onBusy: 'skip' })
 * async report(): Promise<void> {}
 *
 * @WithAdvisoryLock<[id: number]>((id) => `order:${id}`, { scope: 'transaction', waitMs: 5_000 })
 * async markPaid(id: number): Promise<void> {
 *   await currentEntityManager().update(Order, { id }, { paidAt: new Date() });
 * }
 * ```
 */
export function WithAdvisoryLock<Args extends readonly unknown[] = readonly unknown[]>(
  name: LockNames | ((...args: Args) => LockNames),
  options: WithAdvisoryLockOptions<Args> | WithAdvisoryLockInTransactionOptions<Args> = {},
): LockedMethodDecorator<Args> {
  checkMethodOptions('@WithAdvisoryLock', options);
  const { onBusy = 'throw', connection, scope = 'session', ...lockOptions } = options;
  const serviceKey = getAdvisoryLockToken(connection);
  const lock: MethodLock = {
    serviceKey,
    nameOf: (args) => (typeof name === 'function' ? name(...(args as Args)) : name),
    onBusy: onBusy as OnBusy,
    lockOptions,
    transaction: scope === 'transaction' ? lockOptions : undefined,
  };
  const decorate = (
    target: object,
    propertyKey: string | symbol,
    descriptor: PropertyDescriptor | undefined,
  ): void => {
    if (lock.transaction !== undefined && returnsObservable(target, propertyKey)) {
      throw streamInTransaction(`${target.constructor.name}.${String(propertyKey)}`);
    }
    replaceMethod(target, propertyKey, descriptor, (call) => callLocked(lock, call));
    declareServiceKey(target, serviceKey);
    if (typeof name !== 'function') noteLiteralLocks(target, name, serviceKey);
  };
  return decorate;
}
