import type { SqlTransaction } from '../core/index.js';
import { refusalAfterEnd } from './no-open-transaction.js';
import { rowsOf } from './rows-of.js';

/**
 * What this library uses of a `Transaction` or `ControlledTransaction` of Kysely.
 *
 * @example
 * ```ts
 * await db
 *   .transaction()
 *   .execute((trx: KyselyTransaction) => locks.lockInTransaction(kyselyTransaction(trx), 'import'));
 * ```
 */
export interface KyselyTransaction {
  /** True, but for the `Kysely` object itself. */
  readonly isTransaction: true;
  /** Runs a `CompiledQuery`. */
  executeQuery(query: never): PromiseLike<{ readonly rows: unknown[] }>;
}

/**
 * Makes a transaction of Kysely one that `lockInTransaction` takes.
 *
 * @example
 * ```ts
 * await db.transaction().execute(async (trx) => {
 *   await locks.lockInTransaction(kyselyTransaction(trx), `order:${id}`, { waitMs: 5_000 });
 *   await trx.updateTable('orders').set({ paidAt: new Date() }).where('id', '=', id).execute();
 * });
 * ```
 */
export function kyselyTransaction(trx: KyselyTransaction): SqlTransaction {
  return {
    transaction: trx,
    runStatement: async (sql) => {
      try {
        return rowsOf(await trx.executeQuery(compiled(sql) as never));
      } catch (error) {
        throw refusalAfterEnd('kyselyTransaction()', error);
      }
    },
  };
}

/** What `CompiledQuery.raw(sql)` of Kysely makes. */
function compiled(sql: string): object {
  return {
    sql,
    parameters: [],
    query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
    queryId: { queryId: `nestjs-advisory-lock-${(lastQuery += 1)}` },
  };
}

let lastQuery = 0;
