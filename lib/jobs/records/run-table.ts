/** The name of the table, behind the `entityPrefix` of the data source. */
export const RUN_TABLE = 'exclusive_cron_run';

/** The statement that creates the table, as `synchronize` would. */
export function createRunTable(table: string): string {
  return `CREATE TABLE ${table} (
  job pg_catalog.text NOT NULL,
  tick_at pg_catalog.timestamptz NOT NULL,
  instance pg_catalog.text NOT NULL,
  started_at pg_catalog.timestamptz NOT NULL,
  ended_at pg_catalog.timestamptz,
  outcome pg_catalog.text,
  error pg_catalog.text,
  PRIMARY KEY (job, tick_at)
)`;
}

/**
 * The SQL that creates the table of recorded runs, for applications that do not use migrations of TypeORM. (A
 * data source with a `schema` or an `entityPrefix` needs them in front of the name of the table.)
 *
 * @example
 * ```ts
 * await pool.query(EXCLUSIVE_CRON_RUN_SQL);
 * ```
 */
export const EXCLUSIVE_CRON_RUN_SQL: string = createRunTable(RUN_TABLE);
