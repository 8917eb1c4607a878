import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate as migratePostgres } from 'postgres-migrations';
import { STEPS } from './steps.mjs';

/** Runs the first steps that are pending. */
export async function migrate(url, count) {
  const folder = await mkdtemp(join(tmpdir(), 'postgres-migrations-'));
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (const [index, { name, statements }] of STEPS.slice(0, count).entries())
      await writeFile(join(folder, `${index + 1}_${name}.sql`), statements.join(';\n'));
    await migratePostgres({ client }, folder);
  } finally {
    await client.end();
    await rm(folder, { recursive: true });
  }
}
