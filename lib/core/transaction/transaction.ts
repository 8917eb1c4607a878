import type { DataSource, EntityManager } from 'typeorm';
import type { LockMode } from '../options/lock-mode.js';
import type { CallPlace } from '../table/call-place.js';
import { sharedStorage } from '../table/shared-storage.js';

const storage = sharedStorage<Transaction>('transactions');

/** A lock for which a transaction was opened. */
export interface OpenedLock {
  readonly mode: LockMode;
  /** Where it was requested. */
  readonly place: CallPlace;
}

/**
 * A transaction, or a savepoint in one, that was opened for a lock. Its body, and all that it starts, runs
 * inside it.
 */
export class Transaction {
  /** False when the body has settled: a promise that was not awaited is no longer inside. */
  isOpen = true;
  /** The transaction that this one runs inside, perhaps on another data source. */
  readonly outer = storage.getStore();
  private readonly keyIds = new Set<string>();
  /** Of the lock that its body was opened for, which runs inside it. */
  private opened: (OpenedLock & { readonly keyId: string }) | undefined;
  private readonly endCallbacks: (() => void)[] = [];
  private lastTurn: Promise<unknown> = Promise.resolve();

  constructor(
    readonly dataSource: DataSource,
    readonly manager: EntityManager,
    readonly isolationLevel: string | undefined,
    /** The transaction of which it is a savepoint. */
    private readonly parent?: Transaction,
  ) {}

  /** @param onEnd - called when the lock is gone. */
  hold(keyId: string, onEnd?: () => void): void {
    this.keyIds.add(keyId);
    if (onEnd !== undefined) this.endCallbacks.push(onEnd);
  }

  /** Says which lock its body runs inside, and where that was requested. */
  openFor(keyId: string, lock: OpenedLock): void {
    this.opened = { ...lock, keyId };
  }

  /**
   * The lock, when a body that was opened for it runs around this one. A lock that a savepoint has left
   * to its transaction has no such body.
   */
  openedFor(keyId: string): OpenedLock | undefined {
    return this.opened?.keyId === keyId ? this.opened : this.parent?.openedFor(keyId);
  }

  holds(keyId: string): boolean {
    return this.keyIds.has(keyId) || this.parent?.holds(keyId) === true;
  }

  /** Call it after its savepoint was released: its locks are now those of the transaction around it. */
  promoteToParent(): void {
    for (const keyId of this.keyIds) this.parent?.hold(keyId);
    this.parent?.endCallbacks.push(...this.endCallbacks.splice(0));
  }

  /** Call it after its commit or rollback: ends the locks that it has not promoted. */
  ended(): void {
    for (const onEnd of this.endCallbacks.splice(0)) onEnd();
  }

  /** Runs one savepoint at a time: they are on one connection, and nest. */
  inTurn<T>(nested: () => Promise<T>): Promise<T> {
    const turn = this.lastTurn.then(nested);
    this.lastTurn = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Ends the body. No nested savepoint may outlast it: TypeORM would release that savepoint instead of the
   * commit.
   */
  async close(): Promise<void> {
    let turn: unknown;
    do {
      turn = this.lastTurn;
      await turn;
    } while (turn !== this.lastTurn);
    this.isOpen = false;
  }
}

/** Runs the body, and all that it starts, inside the transaction. */
export function runInTransaction<T>(transaction: Transaction, body: () => T): T {
  return storage.run(transaction, body);
}

/**
 * The innermost open transaction that the calling code runs inside; of that data source, when one is given.
 */
export function findTransaction(dataSource?: DataSource): Transaction | undefined {
  let found = storage.getStore();
  while (found !== undefined && !(found.isOpen && (dataSource ?? found.dataSource) === found.dataSource)) {
    found = found.outer;
  }
  return found;
}
