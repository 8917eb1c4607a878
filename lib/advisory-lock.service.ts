import type { EntityManager } from 'typeorm';
import { AdvisoryLock } from './advisory-lock.js';
import type { KeyBook } from './engine/key-book.js';
import { type ContextLock, findInside, runInside } from './engine/lock-context.js';
import type { LockHold } from './engine/lock-hold.js';
import type { LockMode } from './engine/lock-mode.js';
import { describeNames, isOneName, type LockKey, type LockName, type LockNames } from './engine/lock-key.js';
import type { LockTable } from './engine/lock-table.js';
import { acquirePermit } from './engine/permits.js';
import { acquireAll } from './engine/several-locks.js';
import type { Transactions } from './engine/transactions.js';
import { LockConfigurationError } from './errors/lock-configuration.error.js';
import { LockNotHeldError } from './errors/lock-not-held.error.js';
import { LockTimeoutError } from './errors/lock-timeout.error.js';
import { type BusyHttpOptions, LockUnavailableError } from './errors/lock-unavailable.error.js';
import { checkOptions, type LockOptions, lockRules } from './lock.options.js';
import type { LockInTransactionOptions, TransactionLockOptions } from './transaction-lock.options.js';
import { type TransactionBody, TransactionLocks } from './transaction-locks.js';

/** What came of `tryWithLock`: whether the body ran, and what it answered. */
export type TryLockOutcome<T> =
  { readonly acquired: true; readonly value: T } | { readonly acquired: false; readonly value?: undefined };

/**
 * Takes locks by hand. Inject it by its class, or with `@InjectAdvisoryLock('name')` where several are configured.
 *
 * Every method that takes a lock may reject with `LOCK_CONNECTION` (the database is away), `LOCK_CAPACITY` (the server's lock
 * table is full), `LOCK_CONFIGURATION` (the name or an option cannot be) or `LOCK_SHUTDOWN`; nothing is locked then.
 *
 * @example
 * ```ts
 * constructor(private readonly locks: AdvisoryLockService) {}
 *
 * async import(): Promise<void> {
 *   await this.locks.withLock('import', async (lock) => {
 *     for (const file of await this.files()) {
 *       lock.signal.throwIfAborted();
 *       await this.load(file);
 *     }
 *   });
 * }
 * ```
 */
export class AdvisoryLockService {
  private readonly transactionLocks: TransactionLocks;

  /** @internal */
  constructor(
    private readonly keys: KeyBook,
    private readonly table: LockTable,
    private readonly http: BusyHttpOptions,
    transactions: Transactions,
  ) {
    this.transactionLocks = new TransactionLocks(this, keys, transactions);
  }

  /**
   * Runs the body while the lock is held, and answers what it answers. Of several names it takes all the locks or none. What the
   * body throws passes through untouched. Inside a body that holds the same lock, it runs at once.
   *
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when somebody else holds it; the body did not run.
   * @throws {@link LockLostError} (`LOCK_LOST`) when the lock was lost while the body ran and the body threw nothing itself.
   */
  withLock<T>(
    name: LockNames,
    body: (lock: AdvisoryLock) => T | PromiseLike<T>,
    options?: LockOptions,
  ): Promise<T> {
    return this.run(
      name,
      body,
      () => {
        throw this.unavailable(name, options);
      },
      options,
    );
  }

  /**
   * Like {@link AdvisoryLockService.withLock}, but a busy lock is a value: `{ acquired: false }`.
   *
   * @example
   * ```ts
   * const outcome = await locks.tryWithLock('import', () => this.import());
   * if (!outcome.acquired) this.logger.log('the import runs elsewhere');
   * ```
   */
  tryWithLock<T>(
    name: LockNames,
    body: (lock: AdvisoryLock) => T | PromiseLike<T>,
    options?: LockOptions,
  ): Promise<TryLockOutcome<T>> {
    return this.run<TryLockOutcome<T>>(
      name,
      async (lock) => ({ acquired: true, value: await body(lock) }),
      () => ({ acquired: false }),
      options,
    );
  }

  /**
   * Takes the lock until its handle is released; `await using` does that at the end of the block.
   *
   * Only bodies of `withLock`, `tryWithLock` and decorated methods are an inside to {@link AdvisoryLockService.current}: what
   * runs after `acquire` in the same function is not, and has the handle instead.
   *
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when somebody else holds it.
   */
  async acquire(name: LockNames, options?: LockOptions): Promise<AdvisoryLock> {
    const lock = await this.tryAcquire(name, options);
    if (lock === undefined) throw this.unavailable(name, options);
    return lock;
  }

  /** Like {@link AdvisoryLockService.acquire}, but answers `undefined` when somebody else holds the lock. */
  async tryAcquire(name: LockNames, options?: LockOptions): Promise<AdvisoryLock | undefined> {
    if (options !== undefined) checkOptions(options, lockRules, 'acquire() and withLock()');
    if (!isOneName(name) || (options?.permits ?? 1) > 1) return this.takeOther(name, options);
    const key = this.keys.keyOf(name);
    return this.inside(key, options?.mode) ?? this.handle(await this.take(key, options));
  }

  /**
   * Runs the body in a transaction of the application's data source that holds the lock, commits, and answers what the body
   * answers; the lock goes with the commit. When the body throws, the transaction is rolled back and the error passes through
   * untouched. It costs a connection of the application's pool, and no other.
   *
   * All that shall be in the transaction goes through the `manager`, or {@link currentEntityManager}. Inside of such a body,
   * another call runs in the same transaction, in a savepoint of it, and its lock lasts until the outer commit.
   *
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when somebody else holds it; {@link LockTimeoutError} (`LOCK_TIMEOUT`)
   * when it stayed busy for all of `waitMs`; {@link LockDeadlockError} (`LOCK_DEADLOCK`). The body did not run.
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
    return this.transactionLocks.run(name, body, options, (busy) => {
      throw busy;
    });
  }

  /** Like {@link AdvisoryLockService.withTransactionLock}, but a busy lock is a value: `{ acquired: false }`. */
  tryWithTransactionLock<T>(
    name: LockName,
    body: TransactionBody<T>,
    options: TransactionLockOptions = {},
  ): Promise<TryLockOutcome<T>> {
    return this.transactionLocks.run<TryLockOutcome<T>>(
      name,
      async (manager, lock) => ({ acquired: true, value: await body(manager, lock) }),
      options,
      () => ({ acquired: false }),
    );
  }

  /**
   * Takes the lock inside the caller's own transaction; it goes with the commit or the rollback, also with the rollback to a
   * savepoint before it. An attempt that fails leaves the transaction as it was, and it can go on.
   *
   * @param manager - the one that `dataSource.transaction()` gives to its callback, or that of a query runner.
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when somebody else holds it; {@link LockTimeoutError} (`LOCK_TIMEOUT`)
   * when it stayed busy for all of `waitMs`; {@link LockDeadlockError} (`LOCK_DEADLOCK`); {@link LockConfigurationError}
   * (`LOCK_CONFIGURATION`) when there is no transaction, or one that reads as of one moment.
   * @example
   * ```ts
   * await dataSource.transaction(async (manager) => {
   *   await locks.lockInTransaction(manager, `order:${id}`, { waitMs: 5_000 });
   *   await manager.increment(Order, { id }, 'items', 1);
   * });
   * ```
   */
  async lockInTransaction(
    manager: EntityManager,
    name: LockName,
    options: LockInTransactionOptions = {},
  ): Promise<void> {
    const busy = await this.transactionLocks.lock(manager, name, options);
    if (busy !== undefined) throw busy;
  }

  /** Like {@link AdvisoryLockService.lockInTransaction}, but a busy lock is a value: `false`. */
  async tryLockInTransaction(
    manager: EntityManager,
    name: LockName,
    options: LockInTransactionOptions = {},
  ): Promise<boolean> {
    return (await this.transactionLocks.lock(manager, name, options)) === undefined;
  }

  /**
   * Whether anybody in the database holds the lock at this moment, this process included. For display only: by the time the
   * answer is read it may be over. To act on it, take the lock. Of a lock with permits it tells of the first.
   */
  async isLocked(name: LockName): Promise<boolean> {
    return this.table.isLocked(this.keys.keyOf(name));
  }

  /**
   * The lock that the calling code runs inside of, and that is still held: the innermost one, or the one of that name.
   *
   * @example
   * ```ts
   * @ExclusiveCron('0 3 * * *')
   * async nightly() {
   *   await this.load({ signal: this.locks.current()?.signal });
   * }
   * ```
   */
  current(name?: LockName): AdvisoryLock | undefined {
    const lockId = name === undefined ? undefined : this.keys.keyOf(name).lockId;
    const isLookedFor = (lock: ContextLock): boolean => lockId === undefined || lock.isOf(lockId);
    return findInside(this.table, isLookedFor) as AdvisoryLock | undefined;
  }

  /**
   * Does nothing when the calling code runs inside the lock: a guard for methods that must never be called without it.
   *
   * @throws {@link LockNotHeldError} (`LOCK_NOT_HELD`) otherwise.
   */
  assertHeld(name: LockName): void {
    if (this.current(name) === undefined && !this.transactionLocks.isHeld(this.keys.keyOf(name))) {
      throw new LockNotHeldError(describeNames(name), 'this code does not run inside a body that holds it');
    }
  }

  /** What a busy lock is told by, with the options of the module where the caller has none. @internal */
  unavailable(
    name: LockNames,
    { waitMs = 0, httpStatus, exposeLockName }: LockOptions = {},
  ): LockUnavailableError {
    const http = {
      ...this.http,
      ...(httpStatus !== undefined && { httpStatus }),
      ...(exposeLockName !== undefined && { exposeLockName }),
    };
    const lockName = describeNames(name);
    return waitMs > 0
      ? new LockTimeoutError(lockName, waitMs, http)
      : new LockUnavailableError(lockName, http);
  }

  /** Whether its application has shut down. @internal */
  get isClosed(): boolean {
    return this.table.isClosed;
  }

  /**
   * Takes the lock, runs the body inside and releases. One asynchronous function rather than a chain of small ones: with
   * AsyncLocalStorage in use, Node before 24 runs hooks for every promise, and this is the way of every lock.
   */
  private async run<T>(
    name: LockNames,
    body: (lock: AdvisoryLock) => T | PromiseLike<T>,
    onBusy: () => T,
    options?: LockOptions,
  ): Promise<T> {
    if (options !== undefined) checkOptions(options, lockRules, 'acquire() and withLock()');
    let lock: AdvisoryLock | undefined;
    if (isOneName(name) && (options?.permits ?? 1) === 1) {
      const key = this.keys.keyOf(name);
      lock = this.inside(key, options?.mode) ?? this.handle(await this.take(key, options));
    } else {
      lock = await this.takeOther(name, options);
    }
    if (lock === undefined) return onBusy();
    let value: T;
    try {
      value = await runInside(lock, () => body(lock));
    } finally {
      await lock.release();
    }
    if (lock.lost !== undefined) throw lock.lost;
    return value;
  }

  /** A handle on the same hold, when the calling code runs inside the lock. */
  private inside(key: LockKey, mode: LockMode = 'exclusive'): AdvisoryLock | undefined {
    this.transactionLocks.refuseSessionLock(key);
    const lock = findInside(this.table, (inner) => inner.includes(key.id)) as AdvisoryLock | undefined;
    const hold = lock?.holdOf(key.id);
    if (hold?.mode === 'shared' && mode === 'exclusive') {
      throw new LockConfigurationError(
        `The lock "${key.name}" is held shared by the calling code, which asks for it exclusively: it would wait for itself. ` +
          'Take it exclusively from the start, or leave the shared body before.',
        { lockName: key.name },
      );
    }
    return this.handle(hold);
  }

  /** The hold, or `undefined` when the lock stays busy. */
  private take(
    key: LockKey,
    { mode = 'exclusive', waitMs = 0, signal }: LockOptions = {},
  ): Promise<LockHold | undefined> {
    return waitMs > 0 ? this.table.acquire(key, { mode, waitMs, signal }) : this.table.tryAcquire(key, mode);
  }

  private handle(hold: LockHold | undefined): AdvisoryLock | undefined {
    return hold && new AdvisoryLock(this.table, [hold]);
  }

  /** What is more than one lock with one holder: several locks, or several permits. */
  private takeOther(name: LockNames, options: LockOptions = {}): Promise<AdvisoryLock | undefined> {
    const { permits = 1, mode } = options;
    if (permits === 1 && !isOneName(name)) return this.takeAll(name, options);
    if (isOneName(name) && mode !== 'shared') return this.takePermit(name, permits, options);
    throw new LockConfigurationError(
      `\`permits\` go with one name and without \`mode: 'shared'\`, but ${describeNames(name)} was asked for with ` +
        `${permits} permits${mode === 'shared' ? ' and shared' : ''}. A shared lock has as many readers as come.`,
    );
  }

  /** One of the permits, or `undefined` when they stay taken. The calling code's own is shared. */
  private async takePermit(
    name: LockName,
    permits: number,
    { waitMs = 0, signal }: LockOptions,
  ): Promise<AdvisoryLock | undefined> {
    const keys = this.keys.permitKeysOf(name, permits);
    for (const key of keys.permits) {
      const inside = this.inside(key);
      if (inside !== undefined) return inside;
    }
    return this.handle(await acquirePermit(this.table, keys, { mode: 'exclusive', waitMs, signal }));
  }

  /** All of the locks, or `undefined` when one of them stays busy. Those that the calling code runs inside of are shared. */
  private async takeAll(
    names: readonly Exclude<LockName, number>[],
    { mode = 'exclusive', waitMs = 0, signal }: LockOptions = {},
  ): Promise<AdvisoryLock | undefined> {
    const keys = this.distinctKeys(names);
    const inside = keys.flatMap((key) => this.inside(key, mode) ?? []);
    try {
      const missing = keys.filter(({ id }) => !inside.some((lock) => lock.includes(id)));
      const taken = await acquireAll(this.table, missing, { mode, waitMs, signal });
      if (taken === undefined) return undefined;
      const holds = [...taken, ...inside.flatMap((lock) => lock.holdOf(lock.key.id) ?? [])];
      return await this.handleOnAll(keys, holds);
    } finally {
      // What was inside has a share in the new handle by now.
      await Promise.all(inside.map((lock) => lock.release()));
    }
  }

  private distinctKeys(names: readonly Exclude<LockName, number>[]): LockKey[] {
    const keys = new Map<string, LockKey>();
    for (const name of names) {
      const key = this.keys.keyOf(name);
      keys.set(key.id, key);
    }
    if (keys.size > 0) return [...keys.values()];
    throw new LockConfigurationError(
      'A list of lock names has to have at least one name, but an empty one came. Without a name there is nothing to lock.',
    );
  }

  private async handleOnAll(keys: readonly LockKey[], holds: readonly LockHold[]): Promise<AdvisoryLock> {
    const inOrder = keys.flatMap(({ id }) => holds.find(({ key }) => key.id === id) ?? []);
    const lock = new AdvisoryLock(this.table, inOrder as [LockHold, ...LockHold[]]);
    const { lost } = lock;
    if (lost === undefined) return lock;
    // One was lost while the others were waited for.
    await lock.release();
    throw lost;
  }
}
