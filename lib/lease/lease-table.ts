/** The name of the table, behind the `entityPrefix` of the data source. */
export const LEASE_TABLE = 'advisory_lease';

/**
 * The statement that creates the table, as `synchronize` would. The only index is that of the name, which
 * never changes, and pages keep room for new versions of their rows: grants, extensions and releases are HOT
 * updates, which leave nothing for vacuum.
 *
 * @see https://www.postgresql.org/docs/current/storage-hot.html
 */
export function createLeaseTable(table: string): string {
  return `CREATE TABLE ${table} (
  name pg_catalog.text NOT NULL,
  fencing pg_catalog.int8 NOT NULL,
  token_hash pg_catalog.text,
  owner pg_catalog.text NOT NULL,
  ttl_ms pg_catalog.int8 NOT NULL,
  since pg_catalog.timestamptz NOT NULL,
  expires_at pg_catalog.timestamptz NOT NULL,
  PRIMARY KEY (name)
) WITH (fillfactor = 70)`;
}

/**
 * The SQL that creates the table of leases, for applications that do not use migrations of TypeORM. (A data
 * source with a `schema` or an `entityPrefix` needs them in front of the name of the table.)
 *
 * @example
 * ```ts
 * await pool.query(ADVISORY_LEASE_SQL);
 * ```
 */
export const ADVISORY_LEASE_SQL: string = createLeaseTable(LEASE_TABLE);
