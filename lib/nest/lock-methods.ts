import {
  type AdvisoryLock,
  type AdvisoryLockEvents,
  describeNames,
  type KeySchemeOptions,
  type LockInTransactionOptions,
  type LockName,
  type LockNames,
  LockNotHeldError,
  type LockOptions,
  type LockRuntime,
  type OpenTransaction,
  type TransactionBody,
  type TransactionLockOptions,
  type TryLockOutcome,
} from '../core/index.js';
import { LOCK_RUNTIME } from '../locking/lock-host.js';

/** The part of `AdvisoryLockService` that takes and checks locks, and needs nothing but core. */
export abstract class LockMethods {
  /** The events of the locks and jobs of this module. */
  readonly events: AdvisoryLockEvents;

  /** What decorated methods use of core. @internal */
  readonly [LOCK_RUNTIME]: LockRuntime;

  /** @internal */
  constructor(runtime: LockRuntime) {
    this[LOCK_RUNTIME] = runtime;
    this.events = runtime.events;
  }

  /**
   * Runs the body while the lock is held, and resolves to its result. Of several names it takes all locks or
   * none. The error of the body passes through untouched. Inside a body that holds the same lock the call is
   * refused, unless it has the option `reentry: 'join'`.
   *
   * When the body resolves to what is read later (a stream, a `StreamableFile`, an async iterable), the lock
   * is held until that has been read.
   *
   * @param name - the name of the lock, or several names.
   * @param body - what runs inside the lock; it gets the {@link AdvisoryLock}, whose signal aborts when the
   * lock is lost.
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when another holder has it,
   * {@link LockTimeoutError} (`LOCK_TIMEOUT`) when it stayed busy for all of `waitMs`, the reason of `signal`
   * when that aborts the wait, {@link LockReentryError} (`LOCK_REENTERED`) inside the same lock: the body did
   * not run. {@link LockLostError} (`LOCK_LOST`) when the lock was
   * lost while the body ran and the body threw nothing itself. {@link LockConnectionError}
   * (`LOCK_CONNECTION`), {@link LockCapacityError} (`LOCK_CAPACITY`), {@link LockConfigurationError}
   * (`LOCK_CONFIGURATION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const count = await locks.withLock('import', ({ signal }) => this.import({ signal }), { waitMs: 5_000 });
   * ```
   */
  withLock<T>(
    name: LockNames,
    body: (lock: AdvisoryLock) => T | PromiseLike<T>,
    options?: LockOptions,
  ): Promise<T> {
    return this[LOCK_RUNTIME].locks.withLock(name, body, options);
  }

  /**
   * Like {@link AdvisoryLockService.withLock}, but a busy lock is a value: `{ acquired: false }`.
   *
   * @throws {@link LockLostError} (`LOCK_LOST`) and {@link LockReentryError} (`LOCK_REENTERED`) as withLock,
   * the reason of `signal`,
   * {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockCapacityError} (`LOCK_CAPACITY`),
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const outcome = await locks.tryWithLock('import', () => this.import());
   * if (!outcome.acquired) this.logger.log('another instance imports');
   * ```
   */
  tryWithLock<T>(
    name: LockNames,
    body: (lock: AdvisoryLock) => T | PromiseLike<T>,
    options?: LockOptions,
  ): Promise<TryLockOutcome<T>> {
    return this[LOCK_RUNTIME].locks.tryWithLock(name, body, options);
  }

  /**
   * Takes the lock, and resolves to its handle. The lock is held until the handle is released; `await using`
   * does that at the end of the block.
   *
   * {@link AdvisoryLockService.current} sees only the bodies of `withLock`, `tryWithLock` and decorated
   * methods. Code after `acquire` in the same function does not count as inside the lock, and has the handle
   * instead.
   *
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when another holder has it,
   * {@link LockTimeoutError} (`LOCK_TIMEOUT`) when it stayed busy for all of `waitMs`, the reason of `signal`
   * when that aborts the wait, {@link LockReentryError} (`LOCK_REENTERED`) inside the same lock,
   * {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockCapacityError} (`LOCK_CAPACITY`),
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * await using lock = await locks.acquire('import', { waitMs: 5_000 });
   * ```
   */
  acquire(name: LockNames, options?: LockOptions): Promise<AdvisoryLock> {
    return this[LOCK_RUNTIME].locks.acquire(name, options);
  }

  /**
   * Like {@link AdvisoryLockService.acquire}, but a busy lock is a value: `undefined`.
   *
   * @throws the reason of `signal` when that aborts the wait, {@link LockReentryError} (`LOCK_REENTERED`)
   * inside the same lock, {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockCapacityError}
   * (`LOCK_CAPACITY`), {@link LockConfigurationError} (`LOCK_CONFIGURATION`), {@link LockShutdownError}
   * (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * await using lock = await locks.tryAcquire('import');
   * if (lock === undefined) return;
   * ```
   */
  tryAcquire(name: LockNames, options?: LockOptions): Promise<AdvisoryLock | undefined> {
    return this[LOCK_RUNTIME].locks.tryAcquire(name, options);
  }

  /**
   * Runs the body in a transaction of the application's data source that holds the lock, commits, and
   * resolves to the result of the body. The commit releases the lock. When the body throws, the transaction
   * is rolled back and the error passes through untouched. It takes one connection of the application's pool,
   * and no other.
   *
   * Statements of the transaction must go through the `manager`, or {@link currentEntityManager}. Inside such
   * a body, another call runs in the same transaction, in a savepoint, and its lock is held until the outer
   * commit. Inside a body for the same lock it is refused, unless it has the option `reentry: 'join'`.
   *
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when another holder has it,
   * {@link LockTimeoutError} (`LOCK_TIMEOUT`) when it stayed busy for all of `waitMs`, {@link
   * LockDeadlockError} (`LOCK_DEADLOCK`), {@link LockReentryError} (`LOCK_REENTERED`): the body did not
   * run. {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockCapacityError} (`LOCK_CAPACITY`),
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`), {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * await locks.withTransactionLock(`order:${id}`, async (manager) => {
   *   const order = await manager.findOneByOrFail(Order, { id });
   *   order.paidAt ??= new Date();
   *   await manager.save(order);
   * }, { waitMs: 5_000 });
   * ```
   */
  withTransactionLock<T>(
    name: LockName,
    body: TransactionBody<T>,
    options: TransactionLockOptions = {},
  ): Promise<T> {
    return this[LOCK_RUNTIME].transactionLocks.withLock(name, body, options);
  }

  /**
   * Like {@link AdvisoryLockService.withTransactionLock}, but a busy lock is a value: `{ acquired: false }`.
   *
   * @throws {@link LockDeadlockError} (`LOCK_DEADLOCK`), {@link LockReentryError} (`LOCK_REENTERED`),
   * {@link LockConnectionError} (`LOCK_CONNECTION`),
   * {@link LockCapacityError} (`LOCK_CAPACITY`), {@link LockConfigurationError} (`LOCK_CONFIGURATION`),
   * {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const outcome = await locks.tryWithTransactionLock('receipts', (manager) => manager.count(Order));
   * ```
   */
  tryWithTransactionLock<T>(
    name: LockName,
    body: TransactionBody<T>,
    options: TransactionLockOptions = {},
  ): Promise<TryLockOutcome<T>> {
    return this[LOCK_RUNTIME].transactionLocks.tryWithLock(name, body, options);
  }

  /**
   * Takes the lock inside the caller's own transaction. The commit or the rollback releases it, also the
   * rollback to a savepoint before it. An attempt that fails leaves the transaction as it was, and the
   * transaction can continue.
   *
   * It takes the lock by statements of its own, with a savepoint: await it before the next statement of the
   * transaction.
   *
   * @param transaction - the manager that `dataSource.transaction()` gives to its callback, a query runner of
   * TypeORM, a client of `pg` inside `BEGIN`, or what `nestjs-advisory-lock/adapters` makes of the
   * transaction of another client.
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when another holder has it,
   * {@link LockTimeoutError} (`LOCK_TIMEOUT`) when it stayed busy for all of `waitMs`,
   * {@link LockDeadlockError} (`LOCK_DEADLOCK`), {@link LockConfigurationError} (`LOCK_CONFIGURATION`) when
   * there is no transaction, or one that reads as of one moment, {@link LockConnectionError}
   * (`LOCK_CONNECTION`), {@link LockCapacityError} (`LOCK_CAPACITY`), {@link LockShutdownError}
   * (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * await dataSource.transaction(async (manager) => {
   *   await locks.lockInTransaction(manager, `order:${id}`, { waitMs: 5_000 });
   *   await manager.increment(Order, { id }, 'items', 1);
   * });
   * ```
   */
  async lockInTransaction(
    transaction: OpenTransaction,
    name: LockName,
    options: LockInTransactionOptions = {},
  ): Promise<void> {
    const busy = await this[LOCK_RUNTIME].transactionLocks.lock(transaction, name, options);
    if (busy !== undefined) throw busy;
  }

  /**
   * Like {@link AdvisoryLockService.lockInTransaction}, but a busy lock is a value: `false`.
   *
   * @throws as `lockInTransaction`, without `LOCK_UNAVAILABLE` and `LOCK_TIMEOUT`.
   * @example
   * ```ts
   * if (!(await locks.tryLockInTransaction(manager, `order:${id}`))) return;
   * ```
   */
  async tryLockInTransaction(
    transaction: OpenTransaction,
    name: LockName,
    options: LockInTransactionOptions = {},
  ): Promise<boolean> {
    return (await this[LOCK_RUNTIME].transactionLocks.lock(transaction, name, options)) === undefined;
  }

  /**
   * Resolves to whether the lock is held at this moment by any session of the database, those of this process
   * included. For display only: the result may be outdated when it is read. To act on it, take the lock. Of a
   * lock with permits it checks the first permit.
   *
   * @throws {@link LockConnectionError} (`LOCK_CONNECTION`), {@link LockConfigurationError}
   * (`LOCK_CONFIGURATION`) for an invalid name, {@link LockShutdownError} (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const isBusy = await locks.isLocked('import');
   * ```
   */
  async isLocked(name: LockName, options?: KeySchemeOptions): Promise<boolean> {
    return this[LOCK_RUNTIME].locks.isLocked(name, options);
  }

  /**
   * Returns the lock that the calling code runs inside: the innermost one, or the one of that name;
   * `undefined` outside. When the lock was lost, its signal is aborted. Throws only
   * {@link LockConfigurationError} (`LOCK_CONFIGURATION`), for an invalid name.
   *
   * @example
   * ```ts
   * @ExclusiveCron('0 3 * * *')
   * async nightly() {
   *   await this.load({ signal: this.locks.current()?.signal });
   * }
   * ```
   */
  current(name?: LockName, options?: KeySchemeOptions): AdvisoryLock | undefined {
    return this[LOCK_RUNTIME].locks.current(name, options);
  }

  /**
   * Throws unless the calling code runs inside the lock: a guard for methods that must never be called
   * without it.
   *
   * @throws {@link LockLostError} (`LOCK_LOST`) when the lock was lost, {@link LockNotHeldError}
   * (`LOCK_NOT_HELD`) outside it, {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for an invalid name.
   * @example
   * ```ts
   * this.locks.assertHeld(`order:${id}`);
   * ```
   */
  assertHeld(name: LockName, options?: KeySchemeOptions): void {
    const lock = this.current(name, options);
    lock?.assertHeld();
    if (lock === undefined && !this[LOCK_RUNTIME].transactionLocks.isHeld(name, options)) {
      throw new LockNotHeldError(describeNames(name), 'this code does not run inside a body that holds it');
    }
  }
}
