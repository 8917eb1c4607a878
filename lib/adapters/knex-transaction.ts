import type { SqlTransaction } from '../core/index.js';
import { noOpenTransaction } from './no-open-transaction.js';
import { rowsOf } from './rows-of.js';

/**
 * What this library uses of a `Knex.Transaction`.
 *
 * @example
 * ```ts
 * await knex.transaction((trx: KnexTransaction) => locks.lockInTransaction(knexTransaction(trx), 'import'));
 * ```
 */
export interface KnexTransaction {
  /** Runs one statement. */
  raw(sql: string): PromiseLike<unknown>;
  /** Whether the transaction has been committed or rolled back. */
  isCompleted(): boolean;
}

/**
 * Makes a transaction of Knex one that `lockInTransaction` takes.
 *
 * @example
 * ```ts
 * await knex.transaction(async (trx) => {
 *   await locks.lockInTransaction(knexTransaction(trx), `order:${id}`, { waitMs: 5_000 });
 *   await trx('orders').where({ id }).update({ paid_at: new Date() });
 * });
 * ```
 */
export function knexTransaction(trx: KnexTransaction): SqlTransaction {
  return {
    transaction: trx,
    runStatement: async (sql) => {
      if (trx.isCompleted()) throw noOpenTransaction('knexTransaction()', 'one that has ended');
      return rowsOf(await trx.raw(sql));
    },
  };
}
