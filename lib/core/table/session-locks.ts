import type { BusyHttpOptions } from '../errors/lock-unavailable.error.js';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { LockReentryError } from '../errors/lock-reentry.error.js';
import { LockTimeoutError } from '../errors/lock-timeout.error.js';
import { LockUnavailableError } from '../errors/lock-unavailable.error.js';
import type { AroundBody } from '../events/around-body.js';
import type { AdvisoryLockEvents } from '../events/advisory-lock-events.js';
import { LockEventPublisher } from '../events/lock-event-publisher.js';
import type { KeyRegistry } from '../key/key-registry.js';
import { type KeySchemeOptions, keySchemeRules } from '../options/key-scheme.options.js';
import type { ServerKeys } from '../session/server-keys.js';
import { describeNames, isOneName, type LockKey, type LockName, type LockNames } from '../key/lock-key.js';
import type { LockOptions } from '../options/lock.options.js';
import { checkOptions } from '../options/option-rules.js';
import type { Reentry, ReentryOptions } from '../options/reentry.options.js';
import type { AcquireOptions } from './acquire-options.js';
import { AdvisoryLock } from './advisory-lock.js';
import { CALLER, type CallerOptions, type CallPlace, describeCall, describePlace } from './call-place.js';
import { distinctKeys } from './distinct-keys.js';
import { holdWhileRead, isReadLater } from './hold-while-read.js';
import { type ContextLock, findInside, isInsideAny, runInside } from './lock-context.js';
import { TryRequest } from './key-requests.js';
import { type LeaseGuard, WITHOUT_LEASES } from './lease-guard.js';
import type { LockHold } from './lock-hold.js';
import type { LockTable } from './lock-table.js';
import { checkedLockOptions } from './checked-lock-options.js';
import { acquirePermit } from './permits.js';
import { acquireAll } from './several-locks.js';
import type { TryLockOutcome } from './try-lock-outcome.js';

export interface SessionLocksParts {
  readonly keys: KeyRegistry;
  readonly serverKeys: ServerKeys;
  readonly table: LockTable;
  readonly events: AdvisoryLockEvents;
  /** How a busy lock is shown to HTTP clients, where the options of the call do not say so. */
  readonly http: BusyHttpOptions;
  /** What a request for a lock does inside that lock, where the options of the call do not say so. */
  readonly reentry: Reentry;
  /** Whether the calling code runs in a transaction that holds the key. Checked before each lock. */
  readonly isHeldByTransaction: (keyId: string) => boolean;
}

type LockBody<T> = (lock: AdvisoryLock) => T | PromiseLike<T>;

/** Locks that belong to a session of the library. */
export class SessionLocks {
  private readonly keys: KeyRegistry;
  private readonly table: LockTable;
  private readonly events: AdvisoryLockEvents;
  private readonly publisher: LockEventPublisher;
  private leaseGuard: LeaseGuard = WITHOUT_LEASES;

  constructor(private readonly parts: SessionLocksParts) {
    this.keys = parts.keys;
    this.table = parts.table;
    this.events = parts.events;
    this.publisher = new LockEventPublisher(parts.events);
  }

  /** For locks with `respectLeases`. At most one guard. */
  guardBy(leaseGuard: LeaseGuard): void {
    this.leaseGuard = leaseGuard;
  }

  /**
   * Runs the body inside the lock; rejects with `LOCK_UNAVAILABLE` or `LOCK_TIMEOUT` when the lock stays
   * busy.
   */
  withLock<T>(name: LockNames, body: LockBody<T>, options?: LockOptions): Promise<T> {
    return this.run(name, body, options, 'throw') as Promise<T>;
  }

  /** The same, where a busy lock is a value. */
  tryWithLock<T>(name: LockNames, body: LockBody<T>, options?: LockOptions): Promise<TryLockOutcome<T>> {
    return this.run(name, body, options, 'tell') as Promise<TryLockOutcome<T>>;
  }

  /** A handle on the lock; rejects with `LOCK_UNAVAILABLE` or `LOCK_TIMEOUT` when it stays busy. */
  async acquire(name: LockNames, options?: LockOptions): Promise<AdvisoryLock> {
    const lock = await this.tryAcquire(name, options);
    if (lock === undefined) throw this.unavailable(name, options);
    return lock;
  }

  /** A handle on the lock, or `undefined` when it stays busy. */
  async tryAcquire(name: LockNames, given?: LockOptions & CallerOptions): Promise<AdvisoryLock | undefined> {
    const options = checkedLockOptions(name, given);
    const place = options?.[CALLER];
    const resolving = this.parts.serverKeys.resolve(name, options);
    if (resolving !== undefined) await resolving;
    if (!isOneName(name) || (options?.permits ?? 1) > 1) return this.takeOther(name, options, place);
    const key = this.keys.keyOf(name, options?.keyScheme);
    const inside = this.inside(key, options);
    if (inside !== undefined) return inside;
    const attempt = this.take(key, options, place);
    return this.handle(await (attempt instanceof TryRequest ? attempt.outcome() : attempt));
  }

  /** The lock around the calling code, lost or not: the innermost one, or the one with that name. */
  current(name?: LockName, { keyScheme }: KeySchemeOptions = {}): AdvisoryLock | undefined {
    const key = name === undefined ? undefined : this.keys.knownKeyOf(name, keyScheme);
    if (name !== undefined && key === undefined) return undefined;
    const isLookedFor = (lock: ContextLock): boolean => key === undefined || lock.isOf(key.lockId);
    return findInside(this.table, isLookedFor)?.lock as AdvisoryLock | undefined;
  }

  async isLocked(name: LockName, options: KeySchemeOptions = {}): Promise<boolean> {
    checkOptions(options, keySchemeRules, 'isLocked()');
    return this.table.isLocked(await this.keyOf(name, options));
  }

  /** The key of a name, computed by the server where only that knows the formula. */
  async keyOf(name: LockName, options: KeySchemeOptions = {}): Promise<LockKey> {
    await this.parts.serverKeys.resolve(name, options);
    return this.keys.keyOf(name, options.keyScheme);
  }

  /** What the request does inside the lock that it asks for. */
  reentryOf(options: ReentryOptions, outer: ReentryOptions = {}): Reentry {
    return options.reentry ?? outer.reentry ?? this.parts.reentry;
  }

  /** The error of a busy lock. Its HTTP options are those of the call, or else of the module. */
  unavailable(
    name: LockNames,
    { waitMs = 0, httpStatus, exposeLockName }: LockOptions = {},
  ): LockUnavailableError {
    const http = {
      ...this.parts.http,
      ...(httpStatus !== undefined && { httpStatus }),
      ...(exposeLockName !== undefined && { exposeLockName }),
    };
    const lockName = describeNames(name);
    return waitMs > 0
      ? new LockTimeoutError(lockName, waitMs, http)
      : new LockUnavailableError(lockName, http);
  }

  /**
   * Takes the lock, runs the body inside it and releases it. It is one asynchronous function rather than a
   * chain of small ones, because every lock goes this way: with AsyncLocalStorage in use, Node before 24 runs
   * hooks for every promise. For the same reason it makes no closure, which would keep its variables on the
   * heap.
   */
  private async run<T>(
    name: LockNames,
    body: LockBody<T>,
    given: (LockOptions & CallerOptions) | undefined,
    whenBusy: 'throw' | 'tell',
  ): Promise<T | TryLockOutcome<T>> {
    const options = checkedLockOptions(name, given);
    const place = options?.[CALLER] ?? body;
    const resolving = this.parts.serverKeys.resolve(name, options);
    if (resolving !== undefined) await resolving;
    let lock: AdvisoryLock | undefined;
    if (isOneName(name) && (options?.permits ?? 1) === 1) {
      const key = this.keys.keyOf(name, options?.keyScheme);
      lock = this.inside(key, options);
      if (lock === undefined) {
        const attempt = this.take(key, options, place);
        if (attempt instanceof TryRequest) await attempt.settled;
        lock = this.handle(attempt instanceof TryRequest ? attempt.hold : await attempt);
      }
    } else {
      lock = await this.takeOther(name, options, place);
    }
    if (lock === undefined) {
      if (whenBusy === 'tell') return { acquired: false };
      throw this.unavailable(name, options);
    }
    let value: T;
    try {
      const result = runInside(lock, this.aroundBody(lock, body), { place });
      // A body that returns nothing costs no promise.
      value = result === undefined ? result : await result;
      if (isReadLater(value)) value = holdWhileRead(lock.share(), value, { place });
    } catch (error) {
      throw lock.explain(error);
    } finally {
      const givingBack = lock.giveBack();
      if (givingBack !== undefined) await givingBack;
    }
    if (lock.lost !== undefined) throw lock.lost;
    return whenBusy === 'tell' ? { acquired: true, value } : value;
  }

  /**
   * A handle on the same hold, when the calling code runs inside the lock. Throws `LOCK_REENTERED` unless it
   * may join: what is inside is decided by the asynchronous context, which may have leaked.
   */
  private inside(key: LockKey, options?: LockOptions & CallerOptions): AdvisoryLock | undefined {
    if (this.parts.isHeldByTransaction(key.id)) throw heldByTransaction(key);
    return isInsideAny() ? this.join(key, options) : undefined;
  }

  private join(key: LockKey, options: LockOptions & CallerOptions = {}): AdvisoryLock | undefined {
    const { mode = 'exclusive' } = options;
    const frame = findInside(this.table, (inner) => inner.isOf(key.lockId));
    const lock = frame?.lock as AdvisoryLock | undefined;
    // A lost lock is requested again.
    if (frame === undefined || lock?.isHeld !== true) return undefined;
    const hold = lock.holdOf(key.id);
    if (hold?.mode === 'shared' && mode === 'exclusive') {
      throw new LockConfigurationError(
        `The lock "${key.name}" is held shared by the calling code, which cannot take it exclusively: it ` +
          'would wait for itself. Take it exclusively from the start, or end the shared body first.',
        { lockName: key.name },
      );
    }
    // A reader beside a reader breaks no promise, and would otherwise wait for a writer that waits for the
    // outer reader.
    const isReader = hold?.mode === 'shared';
    if (!isReader && this.reentryOf(options, frame.info) === 'refuse') {
      throw new LockReentryError({
        lockName: key.name,
        heldBy: describePlace(frame.info?.place),
        requestedBy: describeCall(options),
      });
    }
    return this.handle(hold);
  }

  /** The hold, or `undefined` when the lock stays busy. */
  private take(
    key: LockKey,
    options?: LockOptions,
    place?: CallPlace,
  ): TryRequest | Promise<LockHold | undefined> {
    if (this.events.hasListeners || options?.respectLeases === true) return this.request(key, options, place);
    const mode = options?.mode ?? 'exclusive';
    const waitMs = options?.waitMs ?? 0;
    return waitMs > 0
      ? this.table.acquire(key, { mode, waitMs, signal: options?.signal, place })
      : this.table.attempt(key, mode);
  }

  /** The same, where others are notified or asked. */
  private request(
    key: LockKey,
    { mode = 'exclusive', waitMs = 0, signal, respectLeases = false }: LockOptions = {},
    place?: CallPlace,
  ): Promise<LockHold | undefined> {
    const wanted = { mode, waitMs, signal, place };
    const take = (options: AcquireOptions): Promise<LockHold | undefined> =>
      options.waitMs > 0 ? this.table.acquire(key, options) : this.table.tryAcquire(key, mode);
    if (!respectLeases) return this.publish(key.name, wanted, take);
    const giveBack = (hold: LockHold): Promise<void> | undefined => this.table.release(hold);
    return this.publish(key.name, wanted, (options) =>
      this.leaseGuard.takeUnleased(key.name, options, { take, giveBack }),
    );
  }

  private publish<T extends LockHold | readonly LockHold[]>(
    lockName: string,
    options: AcquireOptions,
    take: (options: AcquireOptions) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    if (!this.events.hasListeners) return take(options);
    return this.publisher.session(lockName, options, (onWaiting) => take({ ...options, onWaiting }));
  }

  /**
   * The body inside what runs bodies, such as a span. A body inside the same lock is a part of the outer one.
   */
  private aroundBody<T>(lock: AdvisoryLock, body: LockBody<T>): LockBody<T> {
    const { activeAroundBody } = this.events;
    return activeAroundBody === undefined ? body : this.bodyInside(activeAroundBody, lock, body);
  }

  private bodyInside<T>(around: AroundBody, lock: AdvisoryLock, body: LockBody<T>): LockBody<T> {
    const hold = lock.holdOf(lock.key.id);
    const acquired = hold?.sharers === 1 ? this.publisher.acquiredEventOf(hold) : undefined;
    return acquired === undefined ? body : () => around.run(acquired, () => body(lock));
  }

  /**
   * A handle on the hold; throws `LOCK_LOST` when it was lost on the way here, as while a turn for permits
   * was released.
   */
  private handle(hold: LockHold | undefined): AdvisoryLock | undefined {
    if (hold?.lost !== undefined) throw hold.lost;
    return hold && new AdvisoryLock(this.table, hold);
  }

  /** A lock with several names, or with several permits. */
  private takeOther(
    name: LockNames,
    options: LockOptions = {},
    place?: CallPlace,
  ): Promise<AdvisoryLock | undefined> {
    const { permits = 1, mode } = options;
    if (permits === 1 && !isOneName(name)) return this.takeAll(name, options, place);
    if (isOneName(name) && mode !== 'shared') return this.takePermit(name, permits, options, place);
    throw new LockConfigurationError(
      `A lock with \`permits\` must have one name and no \`mode: 'shared'\`, received ` +
        `${describeNames(name)} with ${permits} permits${mode === 'shared' ? ' and shared' : ''}. A shared ` +
        'lock has no limit of readers.',
    );
  }

  /**
   * One of the permits, or `undefined` when they stay taken. One that the calling code holds already is
   * shared.
   */
  private async takePermit(
    name: LockName,
    permits: number,
    options: LockOptions,
    place: CallPlace | undefined,
  ): Promise<AdvisoryLock | undefined> {
    const { waitMs = 0, signal } = options;
    const keys = this.keys.permitKeysOf(name, permits, options.keyScheme);
    for (const key of keys.permits) {
      const inside = this.inside(key, options);
      if (inside !== undefined) return inside;
    }
    const wanted: AcquireOptions = { mode: 'exclusive', waitMs, signal, place };
    return this.handle(
      await this.publish(describeNames(name), wanted, (acquire) => acquirePermit(this.table, keys, acquire)),
    );
  }

  /**
   * All of the locks, or `undefined` when one stays busy. Those that the calling code holds already are
   * shared.
   */
  private async takeAll(
    names: readonly Exclude<LockName, number>[],
    options: LockOptions,
    place: CallPlace | undefined,
  ): Promise<AdvisoryLock | undefined> {
    const { mode = 'exclusive', waitMs = 0, signal } = options;
    const keys = distinctKeys(this.keys, names, options.keyScheme);
    const inside: AdvisoryLock[] = [];
    try {
      for (const key of keys) {
        const share = this.inside(key, options);
        if (share !== undefined) inside.push(share);
      }
      const insideIds = new Set(inside.map(({ key: { id } }) => id));
      const missing = keys.filter(({ id }) => !insideIds.has(id));
      const wanted = { mode, waitMs, signal, place };
      const taken = await this.publish(describeNames(names), wanted, (acquire) =>
        acquireAll(this.table, missing, acquire),
      );
      if (taken === undefined) return undefined;
      const holds = [...taken, ...inside.flatMap((lock) => lock.holdOf(lock.key.id) ?? [])];
      return await this.handleOnAll(keys, holds);
    } finally {
      // The new handle has its own share in these by now.
      await Promise.all(inside.map((lock) => lock.release()));
    }
  }

  private async handleOnAll(keys: readonly LockKey[], holds: readonly LockHold[]): Promise<AdvisoryLock> {
    const holdOf = new Map(holds.map((hold) => [hold.key.id, hold]));
    const inOrder = keys.flatMap(({ id }) => holdOf.get(id) ?? []);
    const [first, ...others] = inOrder as [LockHold, ...LockHold[]];
    const lock = new AdvisoryLock(this.table, first, others);
    const { lost } = lock;
    if (lost === undefined) return lock;
    // One was lost during the wait for the others.
    await lock.release();
    throw lost;
  }
}

/** Such a lock would stay busy until the end of the transaction, and a wait for it would not end. */
function heldByTransaction(key: LockKey): LockConfigurationError {
  return new LockConfigurationError(
    `The lock "${key.name}" is held by the transaction that this code runs in, and a session lock on it ` +
      'would wait for the commit. Use withTransactionLock() or lockInTransaction() here, or take the ' +
      'session lock outside the transaction.',
    { lockName: key.name },
  );
}
