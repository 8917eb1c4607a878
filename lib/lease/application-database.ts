import type { DataSource, QueryRunner } from 'typeorm';
import {
  AdvisoryLockError,
  endsBackend,
  isSyntaxOrAccessError,
  LockConfigurationError,
  LockConnectionError,
  type PreparingClient,
  queryPrepared,
  tableOf,
  untilEnded,
} from '../core/index.js';

/** The application's own database, as leases and once-records use it. */
export interface ApplicationDatabase {
  /**
   * Runs one statement in a transaction of its own, on the primary, and resolves to the rows of a SELECT or
   * of an INSERT … RETURNING. (Clients differ in what they return for others.)
   */
  query<Row>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  /** The same, for a statement that is run again and again: where it can be, it is planned once. */
  queryPrepared<Row>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  /** A table as statements name it: where the application has it. */
  tableOf(name: string): string;
}

/** The database of a TypeORM data source, which need not know the entities. */
export function dataSourceDatabase(findDataSource: () => DataSource): ApplicationDatabase {
  return {
    query: <Row>(sql: string, values: readonly unknown[]) =>
      withRunner(findDataSource(), (runner) => runner.query(sql, [...values]) as Promise<Row[]>),
    queryPrepared: <Row>(sql: string, values: readonly unknown[]) =>
      withRunner(findDataSource(), async (runner) =>
        queryPrepared<Row>((await runner.connect()) as PreparingClient, sql, values),
      ),
    tableOf: (name) => tableOf(findDataSource(), name),
  };
}

/**
 * With a runner of its own, as libraries for declarative transactions replace `dataSource.query`: a lease
 * inside an open transaction would be invisible to others, and gone after a rollback.
 */
async function withRunner<T>(dataSource: DataSource, use: (runner: QueryRunner) => Promise<T>): Promise<T> {
  const runner = dataSource.createQueryRunner('master');
  try {
    return await use(runner);
  } catch (error) {
    // The pool would give the next statement to a backend that is gone. (`query()` of a pool of node-postgres
    // ends such a client.)
    if (endsBackend(error)) await untilEnded(runner);
    throw error;
  } finally {
    await runner.release();
  }
}

/** What the error of a statement means for the caller. */
export function databaseError(cause: unknown, lockName: string, what: string, tableSql: string): Error {
  if (cause instanceof AdvisoryLockError) return cause;
  if (!isSyntaxOrAccessError(cause)) return new LockConnectionError(cause, lockName, what);
  return new LockConfigurationError(
    `${what}, which needs a table that the application can read and write: ${cause.message}. Add the ` +
      'entity or the migration to the data source (see docs/leases.md), or run this SQL, and grant SELECT, ' +
      `INSERT, UPDATE and DELETE on the table to the role of the application: ${tableSql.replace(/\s+/g, ' ')}`,
    { lockName, cause },
  );
}
