import type { EntityManager } from 'typeorm';
import type { AdvisoryLock } from '../table/advisory-lock.js';
import type { KeyRegistry } from '../key/key-registry.js';
import { CALLER, type CallerOptions, describeCall, describePlace } from '../table/call-place.js';
import { discard, isReadLater, readAfterCommit } from '../table/hold-while-read.js';
import { runInside } from '../table/lock-context.js';
import type { LockKey, LockName } from '../key/lock-key.js';
import { lockTransaction } from './lock-transaction.js';
import type { OpenTransaction } from './open-transaction.js';
import type { PoolMonitor } from './pool-monitor.js';
import { transactionClient } from './transaction-client.js';
import type { Transactions } from './transactions.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { LockTimeoutError } from '../errors/lock-timeout.error.js';
import { LockUnavailableError } from '../errors/lock-unavailable.error.js';
import { checkOptions } from '../options/option-rules.js';
import { LockReentryError } from '../errors/lock-reentry.error.js';
import type { AdvisoryLockEvents } from '../events/advisory-lock-events.js';
import type { AcquiredEvent } from '../events/lock-event.js';
import { LockEventPublisher } from '../events/lock-event-publisher.js';
import type { ServerKeys } from '../session/server-keys.js';
import type { KeySchemeOptions } from '../options/key-scheme.options.js';
import type { SessionLocks } from '../table/session-locks.js';
import type { TryLockOutcome } from '../table/try-lock-outcome.js';
import {
  type LockInTransactionOptions,
  lockInTransactionRules,
  type TransactionLock,
  type TransactionLockOptions,
  transactionLockRules,
} from '../options/transaction-lock.options.js';

/**
 * The body of `withTransactionLock`: it receives the `EntityManager` of the transaction that holds the lock.
 *
 * @example
 * ```ts
 * const body: TransactionBody<void> = async (manager) => {
 *   await manager.update(Order, { id }, { paidAt: new Date() });
 * };
 * ```
 */
export type TransactionBody<T> = (manager: EntityManager, lock: TransactionLock) => T | PromiseLike<T>;

/** The isolation levels at which a transaction reads as of its first statement. */
const READS_AS_OF_ONE_MOMENT: readonly (string | undefined)[] = ['REPEATABLE READ', 'SERIALIZABLE'];

/** Locks that belong to a transaction of the application's data source. */
export class TransactionLocks {
  private readonly publisher: LockEventPublisher;

  constructor(
    private readonly sessionLocks: SessionLocks,
    private readonly keys: KeyRegistry,
    private readonly transactions: Transactions,
    private readonly events: AdvisoryLockEvents,
    private readonly serverKeys: ServerKeys,
    /** Cancels what a backend runs. */
    private readonly cancel: (backendPid: number) => Promise<unknown>,
    private readonly pools: PoolMonitor,
  ) {
    this.publisher = new LockEventPublisher(events);
  }

  /** Runs the body in a transaction that holds the lock; rejects when the lock stays busy. */
  withLock<T>(name: LockName, body: TransactionBody<T>, options: TransactionLockOptions = {}): Promise<T> {
    return this.run(
      name,
      body,
      (value) => value,
      (busy) => {
        throw busy;
      },
      options,
    );
  }

  /** The same, where a busy lock is a value. */
  tryWithLock<T>(
    name: LockName,
    body: TransactionBody<T>,
    options: TransactionLockOptions = {},
  ): Promise<TryLockOutcome<T>> {
    return this.run<T, TryLockOutcome<T>>(
      name,
      body,
      (value) => ({ acquired: true, value }),
      () => ({ acquired: false }),
      options,
    );
  }

  private async run<T, Outcome>(
    name: LockName,
    body: TransactionBody<T>,
    onDone: (value: T) => Outcome,
    onBusy: (error: LockUnavailableError) => Outcome,
    given: TransactionLockOptions & CallerOptions,
  ): Promise<Outcome> {
    const options = checkOptions(given, transactionLockRules, 'withTransactionLock()');
    const place = options[CALLER] ?? body;
    const resolving = this.serverKeys.resolve(name, options);
    if (resolving !== undefined) await resolving;
    const key = this.keys.keyOf(name, options.keyScheme);
    this.refuseReentry(key, options);
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
        const run = async (): Promise<Outcome> => {
          const value = await body(transaction.manager, { name: key.name, key, mode });
          if (!isReadLater(value)) return onDone(value);
          discard(value);
          throw readAfterCommit(`The body of withTransactionLock("${key.name}")`, value);
        };
        if (session !== undefined) {
          const value = await runInside(session, run, { place });
          // What was written under a lost lock must not be committed.
          session.assertHeld();
          return value;
        }
        transaction.openFor(key.id, { mode, place });
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
      // It was thrown only to roll back.
      if (busy !== undefined && error === busy) return onBusy(busy as LockUnavailableError);
      throw session?.explain(error) ?? error;
    } finally {
      await session?.release();
    }
  }

  /** Takes the lock inside the caller's own transaction. Resolves to the error of a busy lock. */
  async lock(
    transaction: OpenTransaction,
    name: LockName,
    given: LockInTransactionOptions,
  ): Promise<LockUnavailableError | undefined> {
    const options = checkOptions(given, lockInTransactionRules, 'lockInTransaction()');
    const resolving = this.serverKeys.resolve(name, options);
    if (resolving !== undefined) await resolving;
    const key = this.keys.keyOf(name, options.keyScheme);
    const inside = this.sessionLocks.current(name, options);
    if (inside?.isHeld === true && !(inside.mode === 'shared' && options.mode === 'shared')) {
      throw heldByTheSession(key);
    }
    return this.take(transaction, key, options);
  }

  /** Whether the calling code runs in a transaction that was opened for this lock. */
  isHeld(name: LockName, { keyScheme }: KeySchemeOptions = {}): boolean {
    const key = this.keys.knownKeyOf(name, keyScheme);
    return key !== undefined && this.transactions.isHeld(key.id);
  }

  /**
   * Postgres would grant the lock again. Yet the body would run inside the outer one, perhaps of another
   * caller whose asynchronous context has leaked.
   */
  private refuseReentry(key: LockKey, options: TransactionLockOptions & CallerOptions): void {
    const outer = this.transactions.current()?.openedFor(key.id);
    if (outer === undefined || this.sessionLocks.reentryOf(options) === 'join') return;
    if (outer.mode === 'shared' && options.mode === 'shared') return;
    throw new LockReentryError({
      lockName: key.name,
      heldBy: describePlace(outer.place),
      requestedBy: describeCall(options),
    });
  }

  /**
   * A session lock around the transaction. There are two cases. Inside a session lock on the same key, the
   * transaction could not take its own lock, as it is on another connection. And a transaction that reads as
   * of one moment must begin after the lock is granted.
   */
  private async sessionLock(
    name: LockName,
    { mode = 'exclusive', waitMs = 0, isolationLevel, ...http }: TransactionLockOptions,
  ): Promise<AdvisoryLock | undefined> {
    const readsAsOfOneMoment =
      this.transactions.current() === undefined &&
      READS_AS_OF_ONE_MOMENT.includes(this.transactions.isolationLevel(isolationLevel));
    if (!readsAsOfOneMoment && this.sessionLocks.current(name, http)?.isHeld !== true) return undefined;
    return this.sessionLocks.acquire(name, {
      ...http,
      ...(mode !== 'exclusive' && { mode }),
      ...(waitMs !== 0 && { waitMs }),
    });
  }

  private async take(
    transaction: OpenTransaction,
    key: LockKey,
    { mode = 'exclusive', waitMs = 0, signal, ...http }: LockInTransactionOptions,
    onAcquired?: (acquired: AcquiredEvent) => void,
  ): Promise<LockUnavailableError | undefined> {
    const client = await transactionClient(transaction, key);
    const take = async (onWaiting?: () => void): Promise<boolean> => {
      let endWait = (): void => undefined;
      const beginWait = (): void => {
        if (client.dataSource !== undefined) endWait = this.pools.begin(client.dataSource, key.name);
        onWaiting?.();
      };
      try {
        const options = { mode, waitMs, signal, cancel: this.cancel, onWaiting: beginWait };
        return await lockTransaction(client, key, this.keys, options);
      } finally {
        endWait();
      }
    };
    const isTaken = this.events.hasListeners
      ? await this.publisher.transaction(key, { mode, waitMs, signal }, take, onAcquired)
      : await take();
    if (isTaken) return undefined;
    const busy = this.sessionLocks.unavailable(key.name, http);
    return waitMs === 0 ? busy : new LockTimeoutError(key.name, waitMs, busy.http);
  }
}

function heldByTheSession(key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" is held by a session lock around this code. The transaction is on another ` +
      'connection and could not get the lock before that one is released. Leave out one of the two.',
    { lockName: key.name },
  );
}
