import { withClient } from './admin.js';

/**
 * Gives one database functions of its own in `pg_catalog`, so that it behaves like
 * a server that only resembles Postgres:
 * `version() RETURNS text LANGUAGE sql AS …`. `url` is a superuser's.
 */
export async function alterCatalog(url: string, functions: readonly string[]): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('SET allow_system_table_mods = on');
    for (const definition of functions) {
      await client.query(`CREATE OR REPLACE FUNCTION pg_catalog.${definition}`);
    }
  });
}
