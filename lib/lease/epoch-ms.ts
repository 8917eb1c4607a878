/**
 * An instant, or an interval, in whole milliseconds, as SQL. Qualified, as statements on leases run with the
 * `search_path` of the application. (`extract` is syntax.)
 */
export const epochMs = (instant: string): string =>
  `pg_catalog.floor((extract(epoch FROM ${instant}) OPERATOR(pg_catalog.*) 1000))`;
