/** The name of the table, behind the `entityPrefix` of the data source. */
export const ONCE_TABLE = 'advisory_once';

/** The statement that creates the table, as `synchronize` would. */
export function createOnceTable(table: string): string {
  return `CREATE TABLE ${table} (
  name pg_catalog.text NOT NULL,
  version pg_catalog.text NOT NULL,
  instance pg_catalog.text NOT NULL,
  ran_at pg_catalog.timestamptz NOT NULL,
  PRIMARY KEY (name, version)
)`;
}

/**
 * The SQL that creates the table of what `once` has run, for applications that do not use migrations of
 * TypeORM. (A data source with a `schema` or an `entityPrefix` needs them in front of the name of the table.)
 *
 * @example
 * ```ts
 * await pool.query(ADVISORY_ONCE_SQL);
 * ```
 */
export const ADVISORY_ONCE_SQL: string = createOnceTable(ONCE_TABLE);
