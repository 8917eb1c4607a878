import knexOf from 'knex';
import { STEPS } from './steps.mjs';

/** Runs the first steps that are pending. */
export async function migrate(url, count) {
  const knex = knexOf({ client: 'pg', connection: url });
  const migrationSource = {
    getMigrations: async () => STEPS.slice(0, count),
    getMigrationName: ({ name }) => name,
    getMigration: async ({ statements }) => ({
      async up(transaction) {
        for (const statement of statements) await transaction.raw(statement);
      },
      down: async () => undefined,
    }),
  };
  try {
    await knex.migrate.latest({ migrationSource });
  } finally {
    await knex.destroy();
  }
}
