import type { DataSource } from 'typeorm';
import {
  AdvisoryLockError,
  isSyntaxOrAccessError,
  LockConfigurationError,
  LockConnectionError,
  tableOf,
} from '../core/index.js';

/** The application's own database, as leases and once-records use it. */
export interface ApplicationDatabase {
  /**
   * Runs one statement in a transaction of its own, on the primary, and resolves to the rows of a SELECT or
   * of an INSERT … RETURNING. (Clients differ in what they return for others.)
   */
  query<Row>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  /** A table as statements name it: where the application has it. */
  tableOf(name: string): string;
}

/** The database of a TypeORM data source, which need not know the entities. */
export function dataSourceDatabase(findDataSource: () => DataSource): ApplicationDatabase {
  return {
    async query<Row>(sql: string, values: readonly unknown[]): Promise<Row[]> {
      // A runner of its own, as libraries for declarative transactions replace `dataSource.query`: a lease
      // inside an open transaction would be invisible to others, and gone after a rollback.
      const runner = findDataSource().createQueryRunner('master');
      try {
        return (await runner.query(sql, [...values])) as Row[];
      } finally {
        await runner.release();
      }
    },
    tableOf: (name) => tableOf(findDataSource(), name),
  };
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
