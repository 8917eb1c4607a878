import type { DataSource, EntityManager } from 'typeorm';
import { sharedStorage } from '../table/shared-storage.js';

const storage = sharedStorage<Transaction>('transactions');

/** A transaction, or a savepoint in one, that was opened for a lock. What its body does, runs inside of it. */
export class Transaction {
  /** False as soon as the body is through: a promise left behind is not inside any more. */
  isOpen = true;
  /** What it runs inside of itself, perhaps on another data source. */
  readonly outer = storage.getStore();
  private readonly keyIds = new Set<string>();
  private readonly endCallbacks: (() => void)[] = [];
  private lastTurn: Promise<unknown> = Promise.resolve();

  constructor(
    readonly dataSource: DataSource,
    readonly manager: EntityManager,
    readonly isolationLevel: string | undefined,
    /** The transaction that it is a savepoint of. */
    private readonly parent?: Transaction,
  ) {}

  /** @param onEnd - called when the lock is gone. */
  hold(keyId: string, onEnd?: () => void): void {
    this.keyIds.add(keyId);
    if (onEnd !== undefined) this.endCallbacks.push(onEnd);
  }

  holds(keyId: string): boolean {
    return this.keyIds.has(keyId) || this.parent?.holds(keyId) === true;
  }

  /** After its savepoint was released: its locks are those of the transaction around it. */
  promoteToParent(): void {
    for (const keyId of this.keyIds) this.parent?.hold(keyId);
    this.parent?.endCallbacks.push(...this.endCallbacks.splice(0));
  }

  /** After its commit or rollback: ends those locks that it has not promoted. */
  ended(): void {
    for (const onEnd of this.endCallbacks.splice(0)) onEnd();
  }

  /** One savepoint at a time: they are on one connection, and nest. */
  inTurn<T>(nested: () => Promise<T>): Promise<T> {
    const turn = this.lastTurn.then(nested);
    this.lastTurn = turn.catch(() => undefined);
    return turn;
  }

  /** Ends the body. Nothing nested may outlast it: TypeORM would release that savepoint in place of the commit. */
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

/** The innermost transaction that this code runs inside of and that is still open; of the data source, when one is given. */
export function findTransaction(dataSource?: DataSource): Transaction | undefined {
  let found = storage.getStore();
  while (found !== undefined && !(found.isOpen && (dataSource ?? found.dataSource) === found.dataSource)) {
    found = found.outer;
  }
  return found;
}
