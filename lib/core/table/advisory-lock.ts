import { unlessAborted } from './abort-listeners.js';
import type { LockHold } from './lock-hold.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { LockTable } from './lock-table.js';
import type { LockLostError } from '../errors/lock-lost.error.js';
import { LockNotHeldError } from '../errors/lock-not-held.error.js';

const NO_OTHERS: readonly LockHold[] = [];

/**
 * A lock that is held: what `acquire` and `tryAcquire` resolve to, and what the body of `withLock` receives.
 *
 * @example
 * ```ts
 * await using lock = await locks.acquire('import');
 * for (const file of files) {
 *   lock.signal.throwIfAborted(); // stop when the lock is lost
 *   await load(file);
 * }
 * ```
 */
export class AdvisoryLock implements AsyncDisposable {
  private isGivenBack = false;
  private givingBack: Promise<void> | undefined;
  private anySignal: AbortSignal | undefined;
  private holdsByKey: ReadonlyMap<string, LockHold> | undefined;

  /** @internal */
  constructor(
    private readonly table: LockTable,
    private readonly first: LockHold,
    private readonly others: readonly LockHold[] = NO_OTHERS,
  ) {
    first.sharers += 1;
    for (const hold of others) hold.sharers += 1;
  }

  /**
   * The name, as the application wrote it. A key that was given as a number or a pair is its text. Several
   * names have commas between them.
   */
  get name(): string {
    return this.others.length === 0 ? this.key.name : this.keys.map(({ name }) => name).join(', ');
  }

  /** The key in Postgres; of several, the first. `String(lock.key)` is its text. */
  get key(): LockKey {
    return this.first.key;
  }

  /** How it is held. */
  get mode(): LockMode {
    return this.first.mode;
  }

  /** The keys of all names, in the order of the names. */
  get keys(): readonly LockKey[] {
    return this.allHolds.map(({ key }) => key);
  }

  /** When the lock was granted, by the clock of this process; of several, the last of them. */
  get acquiredAt(): Date {
    return new Date(Math.max(...this.allHolds.map(({ acquiredAtMs }) => acquiredAtMs)));
  }

  /**
   * Aborts when the lock, or one of several, is lost before it is released. Its reason is a
   * {@link LockLostError}.
   */
  get signal(): AbortSignal {
    if (this.others.length === 0) return this.first.signal;
    this.anySignal ??= AbortSignal.any(this.allHolds.map(({ signal }) => signal));
    return this.anySignal;
  }

  /** Whether the lock is held: neither released nor known to be lost. */
  get isHeld(): boolean {
    return !this.isGivenBack && this.lost === undefined;
  }

  /**
   * Does nothing while the lock is held.
   *
   * @throws {@link LockLostError} (`LOCK_LOST`) when it was lost.
   * @throws {@link LockNotHeldError} (`LOCK_NOT_HELD`) when it was released.
   * @example
   * ```ts
   * await upload(file);
   * lock.assertHeld(); // a lost lock ends the work here
   * await markAsUploaded(file);
   * ```
   */
  assertHeld(): void {
    if (this.lost !== undefined) throw this.lost;
    if (this.isGivenBack) throw new LockNotHeldError(this.name, 'it was released before');
  }

  /**
   * Resolves to a number that is larger than that of every earlier holder of the lock, and of every earlier
   * call: a transaction id of Postgres, made while the lock was held. Send it along with each write that the
   * lock protects, and let the receiver refuse a number that is smaller than one that it has seen. That stops
   * a holder that has lost the lock and does not know it yet. The order survives a crash of the server. A
   * call costs a round trip, a transaction id and a write to the server's disk.
   *
   * After a failover to a standby that lagged behind, the last few numbers can occur again.
   *
   * @throws {@link LockLostError} (`LOCK_LOST`) when the lock was lost, or as soon as it is.
   * @throws {@link LockNotHeldError} (`LOCK_NOT_HELD`) when it was released.
   * @throws {@link LockConnectionError} (`LOCK_CONNECTION`) when no token could be made, though the lock may
   * still be held.
   * @example
   * ```ts
   * const token = await lock.fencingToken();
   * const update = 'UPDATE account SET balance = $2, token = $3 WHERE id = $1 AND token < $3';
   * await manager.query(update, [id, balance, token]);
   * ```
   * @see https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
   */
  async fencingToken(): Promise<bigint> {
    this.assertHeld();
    // Through a pooler another connection makes it, which can be slow to notice what has ended the lock.
    return unlessAborted(this.signal, this.makeToken());
  }

  /**
   * Gives the lock back to Postgres, or hands it to the next waiter of this process. A second call waits for
   * the first. A handle that was taken inside the same lock leaves it to the outer one. A lost lock is not
   * held any more, so there is nothing to do. Never rejects.
   *
   * @example
   * ```ts
   * const lock = await locks.acquire('import');
   * try {
   *   await importAll(lock.signal);
   * } finally {
   *   await lock.release();
   * }
   * ```
   */
  release(): Promise<void> {
    return this.giveBack() ?? Promise.resolve();
  }

  /** The same as {@link AdvisoryLock.release}, for `await using`. Never rejects. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** Another handle on the same holds. @internal */
  share(): AdvisoryLock {
    return new AdvisoryLock(this.table, this.first, this.others);
  }

  /**
   * The same as {@link AdvisoryLock.release}, but for a lock that is handed on at once, which costs no
   * promise. @internal
   */
  giveBack(): Promise<void> | undefined {
    if (!this.isGivenBack) {
      this.isGivenBack = true;
      this.givingBack = this.others.length === 0 ? this.leaveOne(this.first) : this.leaveAll();
    }
    return this.givingBack;
  }

  /** @internal */
  get isReleased(): boolean {
    return this.isGivenBack;
  }

  /** @internal */
  get owner(): object {
    return this.table;
  }

  /** @internal */
  get allHolds(): readonly LockHold[] {
    return [this.first, ...this.others];
  }

  /** @internal */
  isOf(lockId: string): boolean {
    // A lock with several names has no permits.
    return this.others.length === 0 ? this.key.lockId === lockId : this.holdOf(lockId) !== undefined;
  }

  /** @internal */
  get lost(): LockLostError | undefined {
    if (this.first.lost !== undefined) return this.first.lost;
    for (const { lost } of this.others) if (lost !== undefined) return lost;
    return undefined;
  }

  /** What callers get for an error of the body: see {@link LockLostError}. @internal */
  explain(error: unknown): unknown {
    return this.allHolds.reduce((explained, { lost }) => lost?.explain(explained) ?? explained, error);
  }

  /** @internal */
  holdOf(keyId: string): LockHold | undefined {
    if (this.others.length === 0) return this.key.id === keyId ? this.first : undefined;
    this.holdsByKey ??= new Map(this.allHolds.map((hold) => [hold.key.id, hold]));
    return this.holdsByKey.get(keyId);
  }

  private async makeToken(): Promise<bigint> {
    const token = await this.table.fencingToken(this.first);
    // A lock that is still held afterwards was held when the token was made.
    for (const hold of this.others) await this.table.fencingToken(hold);
    this.assertHeld();
    return token;
  }

  private async leaveAll(): Promise<void> {
    await Promise.all(this.allHolds.map(async (hold) => this.leaveOne(hold)));
  }

  private leaveOne(hold: LockHold): Promise<void> | undefined {
    hold.sharers -= 1;
    return hold.sharers === 0 ? this.table.release(hold) : undefined;
  }
}
