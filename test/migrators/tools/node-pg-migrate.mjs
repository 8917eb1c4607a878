import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import { STEPS } from './steps.mjs';

/** Runs the first steps that are pending. */
export async function migrate(url, count) {
  const dir = await mkdtemp(join(tmpdir(), 'node-pg-migrate-'));
  try {
    for (const { name, statements } of STEPS.slice(0, count))
      await writeFile(join(dir, `${name}.sql`), `${statements.join(';\n')};\n`);
    const log = () => undefined;
    await runner({ databaseUrl: url, dir, direction: 'up', migrationsTable: 'pgmigrations', log });
  } finally {
    await rm(dir, { recursive: true });
  }
}
