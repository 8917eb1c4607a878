import { IS_HELD } from './held-lease.js';

/**
 * Which of the names have a lease that lasts. A lease whose time is over is ended, so that an extension that
 * comes later finds nothing, even when it has read the clock before, or the clock is set back.
 *
 * The update waits for changes of the row that are under way, and sees what they have made of it. A lease
 * that visibly lasts is not written.
 */
export function selectLeased(table: string): string {
  const isWanted = 'name OPERATOR(pg_catalog.=) ANY ((SELECT $1::pg_catalog.text[])::pg_catalog.text[])';
  return `WITH lasting AS MATERIALIZED (
    SELECT name FROM ${table} WHERE ${isWanted} AND ${IS_HELD}),
  looked_at AS (
    UPDATE ${table} SET token_hash = CASE WHEN ${IS_HELD} THEN token_hash END
     WHERE ${isWanted} AND token_hash IS NOT NULL
     AND name OPERATOR(pg_catalog.<>) ALL (SELECT name FROM lasting)
    RETURNING name, token_hash)
  SELECT name FROM lasting UNION ALL SELECT name FROM looked_at WHERE token_hash IS NOT NULL`;
}
