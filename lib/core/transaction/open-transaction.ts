import type { EntityManager, QueryRunner } from 'typeorm';

/**
 * A transaction of another database client, as the functions of `nestjs-advisory-lock/adapters` make it.
 *
 * @example
 * ```ts
 * const transaction: SqlTransaction = knexTransaction(trx);
 * ```
 */
export interface SqlTransaction {
  /**
   * Runs one statement in the transaction, and resolves to its rows.
   *
   * @throws the error of the server, or one that has it in its chain of causes; `LOCK_CONFIGURATION` where
   * the client knows that the transaction has ended.
   */
  runStatement(sql: string): Promise<readonly object[]>;
  /** The transaction of that client. Calls in one and the same take turns. */
  readonly transaction: object;
}

/**
 * What this library uses of a `pg.Client`, or of a client of a `pg.Pool`, inside `BEGIN`. The pool itself is
 * none: each of its statements runs on any connection.
 *
 * @example
 * ```ts
 * const client: PgTransactionClient = await pool.connect();
 * await client.query('BEGIN');
 * ```
 */
export interface PgTransactionClient {
  /**
   * Runs a message of one or several statements.
   *
   * @throws the error of the server, or of the connection.
   */
  query(script: string): Promise<unknown>;
  /** What clients have and pools have not. */
  escapeIdentifier(text: string): string;
}

/**
 * A transaction of the application that can take a lock: the `EntityManager` or the `QueryRunner` of TypeORM,
 * a client of `pg` inside `BEGIN`, or what `nestjs-advisory-lock/adapters` makes of the transaction of
 * another client.
 *
 * @example
 * ```ts
 * async function importOrders(transaction: OpenTransaction): Promise<void> {
 *   await locks.lockInTransaction(transaction, 'import');
 * }
 * ```
 */
export type OpenTransaction = EntityManager | QueryRunner | PgTransactionClient | SqlTransaction;
