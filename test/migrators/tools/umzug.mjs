import pg from 'pg';
import { Umzug } from 'umzug';
import { STEPS } from './steps.mjs';

/** Runs the first steps that are pending. Umzug has no storage for `pg`: this is the one of its manual. */
export async function migrate(url, count) {
  const pool = new pg.Pool({ connectionString: url });
  const umzug = new Umzug({
    migrations: STEPS.slice(0, count).map(({ name, statements }) => ({
      name,
      async up({ context }) {
        for (const statement of statements) await context.query(statement);
      },
    })),
    context: pool,
    logger: undefined,
    storage: {
      async executed({ context }) {
        await context.query('CREATE TABLE IF NOT EXISTS umzug (name text PRIMARY KEY)');
        return (await context.query('SELECT name FROM umzug ORDER BY name')).rows.map(({ name }) => name);
      },
      logMigration: ({ name, context }) => context.query('INSERT INTO umzug VALUES ($1)', [name]),
      unlogMigration: ({ name, context }) => context.query('DELETE FROM umzug WHERE name = $1', [name]),
    },
  });
  try {
    await umzug.up();
  } finally {
    await pool.end();
  }
}
