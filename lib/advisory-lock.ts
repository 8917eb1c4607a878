import type { LockHold } from './engine/lock-hold.js';
import type { LockKey } from './engine/lock-key.js';
import type { LockMode } from './engine/lock-mode.js';
import type { LockTable } from './engine/lock-table.js';
import type { LockLostError } from './errors/lock-lost.error.js';
import { LockNotHeldError } from './errors/lock-not-held.error.js';

/**
 * A lock that is held: what `acquire` and `tryAcquire` answer, and what the body of `withLock` is given.
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
  /** Exclusive: nobody else holds it at the same time. */
  readonly mode: LockMode = 'exclusive';
  private released: Promise<void> | undefined;

  /** @internal */
  constructor(
    private readonly table: LockTable,
    private readonly hold: LockHold,
  ) {
    hold.sharers += 1;
  }

  /** The name, as the application wrote it; a key that was given as a number or a pair, as text. */
  get name(): string {
    return this.hold.key.name;
  }

  /** The key in Postgres. `String(lock.key)` is what `pg_locks` and other programs know it by. */
  get key(): LockKey {
    return this.hold.key;
  }

  /** When the lock was granted, by this process' clock. */
  get acquiredAt(): Date {
    return new Date(this.hold.acquiredAtMs);
  }

  /** Aborts, with a `LockLostError` as its reason, when the lock is lost before it is released. */
  get signal(): AbortSignal {
    return this.hold.signal;
  }

  /** Whether the lock is held: neither released nor known to be lost. */
  get isHeld(): boolean {
    return this.released === undefined && this.hold.lost === undefined;
  }

  /**
   * Does nothing while the lock is held.
   *
   * @throws {@link LockLostError} (`LOCK_LOST`) when it was lost, {@link LockNotHeldError} (`LOCK_NOT_HELD`) when it was released.
   */
  assertHeld(): void {
    if (this.hold.lost !== undefined) throw this.hold.lost;
    if (this.released !== undefined) throw new LockNotHeldError(this.name, 'it was released before');
  }

  /**
   * Gives the lock back. Once and for all: a second call waits for the first. Never rejects; of a lock that was lost there is
   * nothing to give back. A handle that was taken inside the same lock leaves it to the outer one.
   */
  release(): Promise<void> {
    this.released ??= this.leave();
    return this.released;
  }

  /** Same as {@link AdvisoryLock.release}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** @internal */
  get owner(): object {
    return this.table;
  }

  /** @internal */
  get keyId(): string {
    return this.hold.key.id;
  }

  /** @internal */
  get lost(): LockLostError | undefined {
    return this.hold.lost;
  }

  /** Another handle on the same hold, for code that runs inside it. @internal */
  share(): AdvisoryLock {
    return new AdvisoryLock(this.table, this.hold);
  }

  private leave(): Promise<void> {
    this.hold.sharers -= 1;
    return this.hold.sharers === 0 ? this.table.release(this.hold) : Promise.resolve();
  }
}
