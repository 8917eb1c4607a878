import type { DataSource, EntityManager } from 'typeorm';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import type { TransactionIsolationLevel } from '../options/transaction-isolation-level.js';
import { endUnlessRolledBack } from './end-unless-rolled-back.js';
import { refuseFailed } from './refuse-failed.js';
import { findTransaction, runInTransaction, Transaction } from './transaction.js';

/** Opens transactions on the application's own data source, and knows which ones are running. */
export class Transactions {
  private readonly running = new Set<Promise<unknown>>();
  private isClosed = false;

  constructor(private readonly findDataSource: () => DataSource) {}

  /** The data source of the application. */
  get dataSource(): DataSource {
    return this.findDataSource();
  }

  /** The transaction that the calling code runs inside. */
  current(): Transaction | undefined {
    return findTransaction(this.findDataSource());
  }

  /**
   * Whether the calling code runs inside one that holds the key. Every session lock checks it, so the fast
   * check is first.
   */
  isHeld(keyId: string): boolean {
    return findTransaction() !== undefined && this.current()?.holds(keyId) === true;
  }

  /** The isolation level of a transaction that is opened here and now, if the application sets one. */
  isolationLevel(wanted: TransactionIsolationLevel | undefined): string | undefined {
    const { options } = this.findDataSource();
    return (
      wanted ??
      this.current()?.isolationLevel ??
      ('isolationLevel' in options ? options.isolationLevel : undefined)
    );
  }

  /**
   * Runs the body in a transaction, and commits; rolls back when it throws. Inside a transaction it is a
   * savepoint: a second connection would wait for the locks of the first, and a pool of one has no second
   * connection.
   */
  async run<T>(
    lockName: string,
    wanted: TransactionIsolationLevel | undefined,
    body: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    const outer = this.current();
    if (outer !== undefined) {
      return outer.inTurn(() => this.nest(lockName, outer, wanted, body));
    }
    if (this.isClosed) throw new LockShutdownError(lockName);
    const dataSource = this.findDataSource();
    let transaction: Transaction | undefined;
    const inside = async (manager: EntityManager): Promise<T> => {
      endUnlessRolledBack(manager);
      transaction = new Transaction(dataSource, manager, this.isolationLevel(wanted));
      const value = await runToItsEnd(transaction, body);
      await refuseFailed(manager);
      return value;
    };
    const running =
      wanted === undefined ? dataSource.transaction(inside) : dataSource.transaction(wanted, inside);
    this.running.add(running);
    try {
      return await running;
    } finally {
      this.running.delete(running);
      transaction?.ended();
    }
  }

  /**
   * Opens no more transactions, and waits for those that are running, for at most `graceMs` milliseconds:
   * TypeORM cuts the others when it closes its pool.
   */
  async close(graceMs: number): Promise<void> {
    this.isClosed = true;
    let timer: NodeJS.Timeout | undefined;
    const graceIsOver = new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs)));
    await Promise.race([Promise.allSettled(this.running), graceIsOver]);
    clearTimeout(timer);
  }

  private async nest<T>(
    lockName: string,
    outer: Transaction,
    wanted: TransactionIsolationLevel | undefined,
    body: (transaction: Transaction) => Promise<T>,
  ): Promise<T> {
    // TypeORM silently ignores the level of a nested transaction.
    if (wanted !== undefined && wanted !== (outer.isolationLevel ?? 'READ COMMITTED')) {
      throw new LockConfigurationError(
        `The lock "${lockName}" needs a transaction with isolation level ${wanted}, but runs inside one ` +
          `with ${outer.isolationLevel ?? 'READ COMMITTED'}, and a transaction has one level. Set it on ` +
          'the outer one.',
        { lockName },
      );
    }
    let inner: Transaction | undefined;
    try {
      const value = await outer.manager.transaction((manager) => {
        inner = new Transaction(outer.dataSource, manager, outer.isolationLevel, outer);
        return runToItsEnd(inner, body);
      });
      inner?.promoteToParent();
      return value;
    } finally {
      inner?.ended();
    }
  }
}

async function runToItsEnd<T>(
  transaction: Transaction,
  body: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  try {
    return await runInTransaction(transaction, () => body(transaction));
  } finally {
    await transaction.close();
  }
}
