import type { EntityManager } from 'typeorm';
import type { AdvisoryLock } from '../table/advisory-lock.js';
import type { KeyRegistry } from '../key/key-registry.js';
import { runInside } from '../table/lock-context.js';
import type { LockKey, LockName } from '../key/lock-key.js';
import { lockTransaction } from './lock-transaction.js';
import type { Transactions } from './transactions.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { LockTimeoutError } from '../errors/lock-timeout.error.js';
import { LockUnavailableError } from '../errors/lock-unavailable.error.js';
import { checkOptions } from '../options/option-rules.js';
import type { AdvisoryLockEvents } from '../events/advisory-lock-events.js';
import type { AcquiredEvent } from '../events/lock-event.js';
import { LockEventPublisher } from '../events/lock-event-publisher.js';
import type { SessionLocks } from '../table/session-locks.js';
import type { TryLockOutcome } from '../table/try-lock-outcome.js';
import {
  type LockInTransactionOptions,
  lockInTransactionRules,
  type TransactionLock,
  type TransactionLockOptions,
  transactionLockRules,
} from '../options/transaction-lock.options.js';

/** The body of a transaction lock. */
export type TransactionBody<T> = (manager: EntityManager, lock: TransactionLock) => T | PromiseLike<T>;

/** The levels at which a transaction reads as of its first statement. */
const READS_AS_OF_ONE_MOMENT: readonly (string | undefined)[] = ['REPEATABLE READ', 'SERIALIZABLE'];

/** Locks that belong to a transaction of the application's data source. */
export class TransactionLocks {
  private readonly publisher: LockEventPublisher;

  constructor(
    private readonly sessionLocks: SessionLocks,
    private readonly keys: KeyRegistry,
    private readonly transactions: Transactions,
    private readonly events: AdvisoryLockEvents,
  ) {
    this.publisher = new LockEventPublisher(events);
  }

  /** Runs the body in a transaction that holds the lock; rejects when the lock stays busy. */
  withLock<T>(name: LockName, body: TransactionBody<T>, options: TransactionLockOptions = {}): Promise<T> {
    return this.run(name, body, options, (busy) => {
      throw busy;
    });
  }

  /** The same, where a busy lock is a value. */
  tryWithLock<T>(
    name: LockName,
    body: TransactionBody<T>,
    options: TransactionLockOptions = {},
  ): Promise<TryLockOutcome<T>> {
    return this.run<TryLockOutcome<T>>(
      name,
      async (manager, lock) => ({ acquired: true, value: await body(manager, lock) }),
      options,
      () => ({ acquired: false }),
    );
  }

  private async run<T>(
    name: LockName,
    body: TransactionBody<T>,
    options: TransactionLockOptions,
    onBusy: (error: LockUnavailableError) => T,
  ): Promise<T> {
    checkOptions(options, transactionLockRules, 'withTransactionLock()');
    const key = this.keys.keyOf(name);
    const { mode = 'exclusive', isolationLevel } = options;
    let busy: unknown;
    let session: AdvisoryLock | undefined;
    try {
      session = await this.sessionLock(name, options);
    } catch (error) {
      if (error instanceof LockUnavailableError) return onBusy(error);
      throw error;
    }
    try {
      return await this.transactions.run(key.name, isolationLevel, async (transaction) => {
        const run = async (): Promise<T> => body(transaction.manager, { name: key.name, key, mode });
        if (session !== undefined) {
          const value = await runInside(session, run);
          // What was written under a lock that is lost is not committed.
          session.assertHeld();
          return value;
        }
        let acquired: AcquiredEvent | undefined;
        busy = await this.take(transaction.manager, key, options, (event) => (acquired = event));
        if (busy !== undefined) throw busy as Error;
        if (acquired === undefined) {
          transaction.hold(key.id);
          return run();
        }
        const published = acquired;
        transaction.hold(key.id, () => {
          this.publisher.released(published);
        });
        const around = this.events.activeAroundBody;
        return around === undefined ? run() : around.run(published, run);
      });
    } catch (error) {
      // Thrown only to roll back.
      if (busy !== undefined && error === busy) return onBusy(busy as LockUnavailableError);
      throw error;
    } finally {
      await session?.release();
    }
  }

  /** Takes the lock inside the caller's own transaction; answers what is to be thrown when it is busy. */
  async lock(
    manager: EntityManager,
    name: LockName,
    options: LockInTransactionOptions,
  ): Promise<LockUnavailableError | undefined> {
    checkOptions(options, lockInTransactionRules, 'lockInTransaction()');
    const key = this.keys.keyOf(name);
    const inside = this.sessionLocks.current(name);
    if (inside?.isHeld === true && !(inside.mode === 'shared' && options.mode === 'shared')) {
      throw heldByTheSession(key);
    }
    return this.take(manager, key, options);
  }

  /** Whether this code runs in a transaction that was opened for this lock. */
  isHeld(name: LockName): boolean {
    return this.transactions.isHeld(this.keys.keyOf(name).id);
  }

  /**
   * A session lock round the transaction, in two cases. Inside of one on the same key, the transaction could not take its own:
   * it is on another connection. And a transaction that reads as of one moment has to begin when the lock is granted.
   */
  private async sessionLock(
    name: LockName,
    { mode = 'exclusive', waitMs = 0, isolationLevel, ...http }: TransactionLockOptions,
  ): Promise<AdvisoryLock | undefined> {
    const readsAsOfOneMoment =
      this.transactions.current() === undefined &&
      READS_AS_OF_ONE_MOMENT.includes(this.transactions.isolationLevel(isolationLevel));
    if (!readsAsOfOneMoment && this.sessionLocks.current(name)?.isHeld !== true) return undefined;
    return this.sessionLocks.acquire(name, {
      ...http,
      ...(mode !== 'exclusive' && { mode }),
      ...(waitMs !== 0 && { waitMs }),
    });
  }

  private async take(
    manager: EntityManager,
    key: LockKey,
    { mode = 'exclusive', waitMs = 0, ...http }: LockInTransactionOptions,
    onAcquired?: (acquired: AcquiredEvent) => void,
  ): Promise<LockUnavailableError | undefined> {
    const runner = manager.queryRunner;
    if (runner === undefined || !runner.isTransactionActive || runner.isReleased) throw noTransaction(key);
    // A standby grants the same key as its primary.
    if (runner.getReplicationMode() === 'slave') throw onReplica(key);
    const take = (onWaiting?: () => void): Promise<boolean> =>
      lockTransaction(runner, key, this.keys, { mode, waitMs, onWaiting });
    const isTaken = this.events.hasListeners
      ? await this.publisher.transaction(key, { mode, waitMs }, take, onAcquired)
      : await take();
    if (isTaken) return undefined;
    const busy = this.sessionLocks.unavailable(key.name, http);
    return waitMs === 0 ? busy : new LockTimeoutError(key.name, waitMs, busy.http);
  }
}

function noTransaction(key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" was asked for in a transaction, but the EntityManager has none that is active. Pass the manager that ` +
      'dataSource.transaction() gives to its callback, or the one of a query runner after startTransaction().',
    { lockName: key.name },
  );
}

function onReplica(key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" was asked for in a transaction on a replica, whose locks exclude nobody on the master. Use a query ` +
      "runner made by createQueryRunner('master').",
    { lockName: key.name },
  );
}

function heldByTheSession(key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" is held by a session lock that this code runs inside of, and the transaction, which is on another ` +
      'connection, could not get it before that is released. Leave out one of the two.',
    { lockName: key.name },
  );
}
