import type { EntityManager } from 'typeorm';
import {
  type AdvisoryLock,
  type AdvisoryLockEvents,
  describeNames,
  type LockInTransactionOptions,
  type LockName,
  type LockNames,
  LockNotHeldError,
  type LockOptions,
  type LockRuntime,
  type TransactionBody,
  type TransactionLockOptions,
  type TryLockOutcome,
} from '../core/index.js';
import { diagnose } from '../inspection/diagnose.js';
import type { Diagnosis } from '../inspection/diagnosis.js';
import { JOB_RUNTIME } from '../jobs/job-host.js';
import type { JobRuntime } from '../jobs/job-runtime.js';
import type { RunTimeJobOptions, ScheduledJob } from '../jobs/run-time-jobs.js';
import type { Leadership, LeadOptions } from '../leadership/leadership.js';
import type { LeadershipBody } from '../leadership/leadership-body.js';
import { LOCK_RUNTIME } from '../locking/lock-host.js';
import { FEATURES, type Features } from './features.js';

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
  /** What happens to the locks and jobs of this module, for whoever wants to hear of it. */
  readonly events: AdvisoryLockEvents;

  /** @internal */
  readonly [FEATURES]: Features;

  /** @internal */
  constructor(features: Features) {
    this[FEATURES] = features;
    this.events = features.engine.events;
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
    return this.engine.locks.withLock(name, body, options);
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
    return this.engine.locks.tryWithLock(name, body, options);
  }

  /**
   * Takes the lock until its handle is released; `await using` does that at the end of the block.
   *
   * Only bodies of `withLock`, `tryWithLock` and decorated methods are an inside to {@link AdvisoryLockService.current}: what
   * runs after `acquire` in the same function is not, and has the handle instead.
   *
   * @throws {@link LockUnavailableError} (`LOCK_UNAVAILABLE`) when somebody else holds it.
   */
  acquire(name: LockNames, options?: LockOptions): Promise<AdvisoryLock> {
    return this.engine.locks.acquire(name, options);
  }

  /** Like {@link AdvisoryLockService.acquire}, but answers `undefined` when somebody else holds the lock. */
  tryAcquire(name: LockNames, options?: LockOptions): Promise<AdvisoryLock | undefined> {
    return this.engine.locks.tryAcquire(name, options);
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
    return this.engine.transactionLocks.withLock(name, body, options);
  }

  /** Like {@link AdvisoryLockService.withTransactionLock}, but a busy lock is a value: `{ acquired: false }`. */
  tryWithTransactionLock<T>(
    name: LockName,
    body: TransactionBody<T>,
    options: TransactionLockOptions = {},
  ): Promise<TryLockOutcome<T>> {
    return this.engine.transactionLocks.tryWithLock(name, body, options);
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
    const busy = await this.engine.transactionLocks.lock(manager, name, options);
    if (busy !== undefined) throw busy;
  }

  /** Like {@link AdvisoryLockService.lockInTransaction}, but a busy lock is a value: `false`. */
  async tryLockInTransaction(
    manager: EntityManager,
    name: LockName,
    options: LockInTransactionOptions = {},
  ): Promise<boolean> {
    return (await this.engine.transactionLocks.lock(manager, name, options)) === undefined;
  }

  /**
   * Whether anybody in the database holds the lock at this moment, this process included. For display only: by the time the
   * answer is read it may be over. To act on it, take the lock. Of a lock with permits it tells of the first.
   */
  async isLocked(name: LockName): Promise<boolean> {
    return this.engine.locks.isLocked(name);
  }

  /**
   * The lock that the calling code runs inside of: the innermost one, or the one of that name. When it was lost, its signal says so.
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
    return this.engine.locks.current(name);
  }

  /**
   * Does nothing when the calling code runs inside the lock: a guard for methods that must never be called without it.
   *
   * @throws {@link LockLostError} (`LOCK_LOST`) when it was lost, {@link LockNotHeldError} (`LOCK_NOT_HELD`) otherwise.
   */
  assertHeld(name: LockName): void {
    const lock = this.current(name);
    lock?.assertHeld();
    if (lock === undefined && !this.engine.transactionLocks.isHeld(name)) {
      throw new LockNotHeldError(describeNames(name), 'this code does not run inside a body that holds it');
    }
  }

  /**
   * Campaigns for the leadership of the fleet under that name, until it is stopped or the application shuts down, and runs the body
   * while it leads. The leader is who holds the lock of that name, and the body runs inside of it. Answers at once; whether it
   * leads is `isLeader` of the handle.
   *
   * - The leadership lasts until it is stopped or lost, whether or not the body has returned.
   * - The body's signal aborts when it is over: with a `LockLostError` when it was lost, with an `AbortError` when it was stopped.
   * - When it was stopped, the lock is given back once the body has settled. When it was lost, the next term begins after that.
   * - A body that throws is logged as an error and gives the leadership up, so that an instance that is broken does not keep it.
   * - It goes on after a loss, a failure and an outage of the database, with a pause that grows from 0.1 to 5 s.
   *
   * As long as another instance leads, the campaign takes one of the module's `maxConnections`.
   *
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for a name that cannot be; {@link LockShutdownError}
   * (`LOCK_SHUTDOWN`).
   * @example
   * ```ts
   * const leadership = locks.lead('feed', async (signal) => {
   *   for await (const event of this.feed.follow({ signal })) await this.store(event);
   * });
   * // …
   * await leadership.stop();
   * ```
   */
  lead(name: LockName, body: LeadershipBody, options?: LeadOptions): Leadership {
    return this[FEATURES].leaderships.lead(name, body, options);
  }

  /**
   * Whether this process leads under that name: by `lead`, by `@OnLeadership`, or for a job with that `leader`. It answers from
   * memory; while the network is gone it may answer true for up to `lostAfterMs`, and somebody else may lead soon after.
   */
  isLeader(name: LockName): boolean {
    return this[FEATURES].leaderships.isLeader(name);
  }

  /**
   * Looks whether locks can be relied on: the server, a pooler in between, the settings in force, room for locks and connections, the
   * clocks. Opens the lock connection when there is none. Never rejects: a server that cannot be reached is a problem in the report.
   *
   * The module does so when the application starts, and logs what it finds.
   *
   * @example
   * ```ts
   * const { isHealthy, problems } = await locks.diagnose();
   * ```
   */
  diagnose(): Promise<Diagnosis> {
    return diagnose(this.engine);
  }

  /**
   * Makes a job at run time that one instance of the fleet runs each tick of: what `@ExclusiveCron` does for a method. It is added to
   * the `SchedulerRegistry` under its name and started. Adding, changing and removing it (`SchedulerRegistry.deleteCronJob(name)`) is
   * local: each instance that shall take part has to do it. Needs the package `cron`, which @nestjs/schedule uses.
   *
   * @param name - of the job in this instance, and of its lock, unless the option `lock` says otherwise.
   * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) when `ScheduleModule.forRoot()` is not imported, or an option cannot be.
   * @example
   * ```ts
   * await locks.exclusiveJob(`invoice:${customer.id}`, customer.schedule, () => this.invoices.write(customer.id));
   * ```
   */
  async exclusiveJob(
    name: string,
    expression: string | Date,
    body: () => unknown,
    options: RunTimeJobOptions = {},
  ): Promise<ScheduledJob> {
    return this[FEATURES].runTimeJobs.add(name, expression, body, options);
  }

  /** What decorated methods take from core. @internal */
  get [LOCK_RUNTIME](): LockRuntime {
    return this.engine;
  }

  /** What decorated jobs work with. @internal */
  get [JOB_RUNTIME](): JobRuntime {
    return this[FEATURES].jobs;
  }

  private get engine(): Features['engine'] {
    return this[FEATURES].engine;
  }
}
