import type {
  BusyHttpOptions,
  KeySchemeOptions,
  LockNames,
  LockOptions,
  ModeOptions,
  PermitOptions,
  ReentryOptions,
  RespectLeasesOptions,
  TransactionLockOptions,
  WaitOptions,
} from '../core/index.js';
import { getAdvisoryLockToken } from './advisory-lock.tokens.js';
import type { DoesNotFit, LockedMethodDecorator } from './async-method.js';
import { callLocked, type MethodLock, streamInTransaction } from './call-locked.js';
import { noteLiteralLocks } from './literal-locks.js';
import { replaceMethod, returnsObservable } from './locked-method.js';
import { checkMethodOptions } from './method-options.js';
import type { BusyResult, OnBusy } from './on-busy.js';
import { declareServiceKey } from './service-key.js';

/**
 * The options of `@WithAdvisoryLock`.
 *
 * @example
 * ```ts
 * const patient: WithAdvisoryLockOptions = { waitMs: 5_000, httpStatus: 423 };
 * ```
 */
export interface WithAdvisoryLockOptions<Args extends readonly unknown[] = readonly unknown[], Busy = never>
  extends
    WaitOptions,
    ModeOptions,
    PermitOptions,
    ReentryOptions,
    RespectLeasesOptions,
    KeySchemeOptions,
    BusyHttpOptions {
  /**
   * What happens when another holder has the lock: `'throw'` rejects with a `LockUnavailableError`, `'skip'`
   * resolves to `undefined`, and a function supplies the result of the call. The return type of the method
   * must admit it, or the decorator does not compile. A variable of this type needs what a busy call resolves
   * to as its second type argument: `WithAdvisoryLockOptions<[], undefined>` for `'skip'`. The result of a
   * function is not known where the type arguments of the decorator are written out; annotate the parameters
   * of the name function instead.
   * @default 'throw'
   */
  readonly onBusy?: OnBusy<Args, Busy>;
  /**
   * Which configured module takes the lock, by its `name`.
   * @default the default module
   */
  readonly connection?: string;
  /**
   * What holds the lock: `'session'`, a connection of the library's own, while the method runs; or
   * `'transaction'`, a transaction that is opened for the method and whose commit releases the lock.
   * @default 'session'
   */
  readonly scope?: 'session';
}

/**
 * The options of `@WithAdvisoryLock` for a method that runs in a transaction. The method gets the
 * `EntityManager` of the transaction from `currentEntityManager()`, and must return a Promise.
 *
 * @example
 * ```ts
 * const inTransaction: WithAdvisoryLockInTransactionOptions = { scope: 'transaction', waitMs: 5_000 };
 * ```
 */
export interface WithAdvisoryLockInTransactionOptions<
  Args extends readonly unknown[] = readonly unknown[],
  Busy = never,
>
  extends
    Omit<WithAdvisoryLockOptions<Args, Busy>, 'scope' | 'permits' | 'respectLeases'>,
    Omit<TransactionLockOptions, 'signal'> {
  /** The lock is that of a transaction, which is opened for the method and whose commit releases it. */
  readonly scope: 'transaction';
  /**
   * Refused: permits need a lock of the session.
   * @default none
   */
  readonly permits?: DoesNotFit<'a lock of a transaction has no permits'>;
  /**
   * Refused: leases need a lock of the session.
   * @default none
   */
  readonly respectLeases?: DoesNotFit<'a lock of a transaction respects no leases'>;
}

type MethodOptions<Args extends readonly unknown[], Busy> =
  WithAdvisoryLockOptions<Args, Busy> | WithAdvisoryLockInTransactionOptions<Args, Busy>;

/**
 * Runs the method while the lock is held, on any provider or controller. Without its lock the method never
 * runs: when the lock is busy, the call rejects with `LOCK_UNAVAILABLE` (HTTP: 409) unless `onBusy` says
 * otherwise.
 *
 * The lock is held until the Promise settles; of an Observable, until it completes, errors or is
 * unsubscribed. A method that is declared as `: Observable<…>` takes the lock when it is subscribed to.
 * A stream, a `StreamableFile` or an async iterable that the Promise resolves to keeps it until it has been
 * read. Inside a body that holds the same lock the call rejects with `LOCK_REENTERED`, unless the method has
 * the option `reentry: 'join'`.
 *
 * @param name - the name of the lock, several names, or a function of the method's arguments that returns
 * them.
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) at decoration time, for a static method or an
 * invalid option. The decorated method rejects with {@link LockUnavailableError} (`LOCK_UNAVAILABLE`),
 * {@link LockTimeoutError} (`LOCK_TIMEOUT`) after `waitMs`, {@link LockReentryError} (`LOCK_REENTERED`),
 * {@link LockConnectionError} (`LOCK_CONNECTION`) when the database cannot be reached, {@link
 * LockCapacityError} (`LOCK_CAPACITY`), {@link LockShutdownError} (`LOCK_SHUTDOWN`), {@link
 * LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name or an object without a service,
 * {@link LockDeadlockError} (`LOCK_DEADLOCK`) with `scope: 'transaction'`, and {@link LockLostError}
 * (`LOCK_LOST`) when the lock was lost while the method ran.
 * @example
 * ```ts
 * @WithAdvisoryLock('rebuild-index')
 * async rebuild(): Promise<void> {}
 *
 * @WithAdvisoryLock((id: string) => `order:${id}`)
 * async pay(id: string): Promise<Receipt> {}
 *
 * @WithAdvisoryLock('report', { onBusy: 'skip' })
 * async report(): Promise<void> {}
 *
 * @WithAdvisoryLock((id: number) => `order:${id}`, { scope: 'transaction', waitMs: 5_000 })
 * async markPaid(id: number): Promise<void> {
 *   await currentEntityManager().update(Order, { id }, { paidAt: new Date() });
 * }
 * ```
 */
export function WithAdvisoryLock<Args extends readonly unknown[] = readonly unknown[]>(
  name: LockNames | ((...args: Args) => LockNames),
  options: MethodOptions<Args, undefined> & { readonly onBusy: 'skip' },
): LockedMethodDecorator<Args, undefined>;
export function WithAdvisoryLock<Args extends readonly unknown[] = readonly unknown[]>(
  name: LockNames | ((...args: Args) => LockNames),
  options?: MethodOptions<Args, never>,
): LockedMethodDecorator<Args>;
export function WithAdvisoryLock<Args extends readonly unknown[], Chosen extends OnBusy<Args>>(
  name: LockNames | ((...args: Args) => LockNames),
  options: MethodOptions<Args, unknown> & { readonly onBusy?: Chosen },
): LockedMethodDecorator<Args, BusyResult<Chosen>>;
// Where `Args` is written out, TypeScript infers nothing, and what the function returns is not known.
export function WithAdvisoryLock<Args extends readonly unknown[]>(
  name: LockNames | ((...args: Args) => LockNames),
  options: WithAdvisoryLockOptions<Args, unknown>,
): LockedMethodDecorator<Args, unknown>;
export function WithAdvisoryLock<Args extends readonly unknown[]>(
  name: LockNames | ((...args: Args) => LockNames),
  // eslint-disable-next-line @typescript-eslint/unified-signatures -- the compiler explains the last overload
  options: WithAdvisoryLockInTransactionOptions<Args, unknown>,
): LockedMethodDecorator<Args, unknown>;
export function WithAdvisoryLock<Args extends readonly unknown[]>(
  name: LockNames | ((...args: Args) => LockNames),
  options: MethodOptions<Args, unknown> = {},
): LockedMethodDecorator<Args> {
  const checked = checkMethodOptions('@WithAdvisoryLock', options);
  const { onBusy = 'throw', connection, scope = 'session', ...lockOptions } = checked;
  const serviceKey = getAdvisoryLockToken(connection);
  const lock: MethodLock = {
    serviceKey,
    nameOf: (args) => (typeof name === 'function' ? name(...(args as Args)) : name),
    onBusy: onBusy as OnBusy,
    // checkMethodOptions() refuses `permits` and `respectLeases` for a transaction.
    lockOptions: lockOptions as LockOptions,
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
    if (typeof name !== 'function') noteLiteralLocks(target, name, serviceKey, options.keyScheme);
  };
  return decorate;
}
