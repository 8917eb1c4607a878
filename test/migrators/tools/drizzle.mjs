import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as migrateDrizzle } from 'drizzle-orm/node-postgres/migrator';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { STEPS } from './steps.mjs';

/** Runs the first steps that are pending. */
export async function migrate(url, count) {
  const migrationsFolder = await mkdtemp(join(tmpdir(), 'drizzle-'));
  const pool = new pg.Pool({ connectionString: url });
  try {
    await writeFiles(migrationsFolder, count);
    await migrateDrizzle(drizzle(pool), { migrationsFolder });
  } finally {
    await pool.end();
    await rm(migrationsFolder, { recursive: true });
  }
}

/** As `drizzle-kit generate` writes them. */
async function writeFiles(folder, count) {
  const steps = STEPS.slice(0, count);
  const entries = steps.map(({ name }, idx) => ({
    idx,
    version: '7',
    when: Number(name.split('_', 1)[0]),
    tag: name,
    breakpoints: true,
  }));
  await mkdir(join(folder, 'meta'));
  const journal = { version: '7', dialect: 'postgresql', entries };
  await writeFile(join(folder, 'meta', '_journal.json'), JSON.stringify(journal));
  for (const { name, statements } of steps)
    await writeFile(join(folder, `${name}.sql`), statements.join(';\n--> statement-breakpoint\n'));
}
