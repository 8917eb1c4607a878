import type { SqlTransaction } from '../core/index.js';
import { rowsOf } from './rows-of.js';

/**
 * Runs one statement in the transaction of a client. Resolves to the rows, or to an object with the `rows`.
 *
 * @example
 * ```ts
 * const run: RunSql = (text, values) => client.query(text, [...values]);
 * ```
 */
export type RunSql = (text: string, values: readonly unknown[]) => PromiseLike<unknown>;

/**
 * Makes a transaction of any database client one that `lockInTransaction` takes.
 *
 * @param run - runs one statement in that transaction. It is called for one statement after the other, and
 * rejects with the error of the server, or with one that has it in its chain of causes.
 * @example
 * ```ts
 * await sql.begin(async (tx) => {
 *   const transaction = sqlTransaction((text, values) => tx.unsafe(text, [...values])); // postgres.js
 *   await locks.lockInTransaction(transaction, `order:${id}`);
 * });
 * ```
 */
export function sqlTransaction(run: RunSql): SqlTransaction {
  return {
    transaction: run,
    runStatement: async (sql) => rowsOf(await run(sql, [])),
  };
}
