import { Kysely, Migrator, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { STEPS } from './steps.mjs';

/** Runs the first steps that are pending. */
export async function migrate(url, count) {
  const pool = new pg.Pool({ connectionString: url });
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  const migrations = STEPS.slice(0, count).map(({ name, statements }) => [
    name,
    {
      async up(transaction) {
        for (const statement of statements) await sql.raw(statement).execute(transaction);
      },
    },
  ]);
  const provider = { getMigrations: async () => Object.fromEntries(migrations) };
  try {
    const { error } = await new Migrator({ db, provider }).migrateToLatest();
    if (error !== undefined) throw error;
  } finally {
    await db.destroy();
  }
}
