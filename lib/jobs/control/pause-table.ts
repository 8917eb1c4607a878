/** The name of the table, behind the `entityPrefix` of the data source. */
export const PAUSE_TABLE = 'advisory_lock_job_pause';

/** The statement that creates the table, as `synchronize` would. */
export function createPauseTable(table: string): string {
  return `CREATE TABLE ${table} (
  job pg_catalog.text NOT NULL,
  reason pg_catalog.text,
  paused_at pg_catalog.timestamptz NOT NULL,
  until pg_catalog.timestamptz,
  by pg_catalog.text NOT NULL,
  earlier pg_catalog.timestamptz[],
  PRIMARY KEY (job)
)`;
}

/**
 * The SQL that creates the table of paused jobs, for applications that do not use migrations of TypeORM. (A
 * data source with a `schema` or an `entityPrefix` needs them in front of the name of the table.)
 *
 * @example
 * ```ts
 * await pool.query(ADVISORY_LOCK_JOB_PAUSE_SQL);
 * ```
 */
export const ADVISORY_LOCK_JOB_PAUSE_SQL: string = createPauseTable(PAUSE_TABLE);
