import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { STEPS } from './steps.mjs';

/** Runs the first steps that are pending. */
export async function migrate(url, count) {
  const migrations = STEPS.slice(0, count).map(
    ({ name, statements }) =>
      class {
        // TypeORM reads the time from the end of the name.
        name = name.split('_').reverse().join('');
        async up(runner) {
          for (const statement of statements) await runner.query(statement);
        }
        async down() {}
      },
  );
  const dataSource = await new DataSource({ type: 'postgres', url, migrations }).initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}
