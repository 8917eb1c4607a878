import type { SqlTransaction } from '../core/index.js';
import { noOpenTransaction, refusalAfterEnd } from './no-open-transaction.js';
import { rowsOf } from './rows-of.js';

/**
 * What this library uses of the `EntityManager` of `@mikro-orm/postgresql`.
 *
 * @example
 * ```ts
 * await em.transactional((em: MikroOrmTransaction) =>
 *   locks.lockInTransaction(mikroOrmTransaction(em), 'import'));
 * ```
 */
export interface MikroOrmTransaction {
  /** Runs one statement in the transaction of the manager. */
  execute(sql: string): PromiseLike<unknown>;
  /** Whether it is in a transaction. */
  isInTransaction(): boolean;
}

/**
 * Makes an entity manager of MikroORM that is in a transaction one that `lockInTransaction` takes.
 *
 * @example
 * ```ts
 * await em.transactional(async (em) => {
 *   await locks.lockInTransaction(mikroOrmTransaction(em), `order:${id}`, { waitMs: 5_000 });
 *   (await em.findOneOrFail(Order, id)).paidAt = new Date();
 * });
 * ```
 */
export function mikroOrmTransaction(em: MikroOrmTransaction): SqlTransaction {
  return {
    transaction: em,
    runStatement: async (sql) => {
      if (!em.isInTransaction())
        throw noOpenTransaction('mikroOrmTransaction()', 'an entity manager in none');
      try {
        return rowsOf(await em.execute(sql));
      } catch (error) {
        throw refusalAfterEnd('mikroOrmTransaction()', error);
      }
    },
  };
}
