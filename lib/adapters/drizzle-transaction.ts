import type { SqlTransaction } from '../core/index.js';
import { rowsOf } from './rows-of.js';

/**
 * What this library uses of the transaction that `db.transaction()` of drizzle-orm gives to its callback.
 *
 * @example
 * ```ts
 * const lock = (tx: DrizzleTransaction) => locks.lockInTransaction(drizzleTransaction(tx), 'import');
 * await db.transaction(lock);
 * ```
 */
export interface DrizzleTransaction {
  /** Runs one statement. */
  execute(sql: string): PromiseLike<unknown>;
  /** What a transaction has, and the database has not. */
  rollback(): never;
}

/**
 * Makes a transaction of Drizzle one that `lockInTransaction` takes, with any of its drivers for Postgres
 * that has transactions.
 *
 * @example
 * ```ts
 * await db.transaction(async (tx) => {
 *   await locks.lockInTransaction(drizzleTransaction(tx), `order:${id}`, { waitMs: 5_000 });
 *   await tx.update(orders).set({ paidAt: new Date() }).where(eq(orders.id, id));
 * });
 * ```
 */
export function drizzleTransaction(tx: DrizzleTransaction): SqlTransaction {
  return {
    transaction: tx,
    runStatement: async (sql) => rowsOf(await tx.execute(sql)),
  };
}
