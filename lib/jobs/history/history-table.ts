import type { DataSource } from 'typeorm';
import { tableOf } from '../../core/index.js';

/** The name of the table, behind the `entityPrefix` of the data source. */
export const HISTORY_TABLE = 'advisory_lock_job_run';

/** The table as a statement names it: where TypeORM expects the table of the entity. */
export function historyTableOf(dataSource: DataSource): string {
  return tableOf(dataSource, HISTORY_TABLE);
}

/** The statement that creates the table, as `synchronize` would. */
export function createHistoryTable(table: string): string {
  return `CREATE TABLE ${table} (
  job pg_catalog.text NOT NULL,
  tick_at pg_catalog.timestamptz NOT NULL,
  id pg_catalog.text NOT NULL,
  trigger pg_catalog.text NOT NULL,
  attempt pg_catalog.int4 NOT NULL,
  instance pg_catalog.text NOT NULL,
  started_at pg_catalog.timestamptz NOT NULL,
  ended_at pg_catalog.timestamptz,
  outcome pg_catalog.text,
  error pg_catalog.text,
  PRIMARY KEY (job, tick_at, id)
)`;
}

/**
 * The SQL that creates the table of the history, for applications that do not use migrations of TypeORM. (A
 * data source with a `schema` or an `entityPrefix` needs them in front of the name of the table.)
 *
 * @example
 * ```ts
 * await pool.query(ADVISORY_LOCK_JOB_RUN_SQL);
 * ```
 */
export const ADVISORY_LOCK_JOB_RUN_SQL: string = createHistoryTable(HISTORY_TABLE);
