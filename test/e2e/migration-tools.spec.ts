import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { startCli } from './support/cli-process.js';
import type { ToolOrder, ToolOutcome } from './workers/tool-migrator.js';

/* What these tools do without the lock is measured by `npm run migrators`. */
const database = useTestDatabase();
const INSTANCES = 4;
const STEPS = 3;

beforeEach(() =>
  database.query('DROP SCHEMA IF EXISTS drizzle, public CASCADE; CREATE SCHEMA public; RESET search_path'),
);

describe('four instances that start the same migrations on an empty database', () => {
  let workers: WorkerProcess[] = [];

  beforeAll(async () => {
    workers = Array.from({ length: INSTANCES }, () =>
      startWorker(new URL('./workers/tool-migrator.ts', import.meta.url)),
    );
    for (const worker of workers) await worker.message<ToolOutcome>(({ type }) => type === 'ready', 60_000);
  }, 60_000);

  it.each(['knex', 'kysely', 'typeorm', 'drizzle'])('all end well with %s', async (tool) => {
    for (const worker of workers) worker.send({ tool, url: database.url, steps: STEPS } satisfies ToolOrder);
    const outcomes = await Promise.all(
      workers.map((worker) => worker.message<ToolOutcome>(({ type }) => type === 'done')),
    );

    expect(outcomes).toEqual(Array(INSTANCES).fill({ type: 'done' }));
    expect(await database.query('SELECT id FROM second')).toEqual([{ id: 1 }]);
  });
});

describe('four shells that start the same migrations at once', () => {
  /** Not one of these statements can run twice, and the index waits for each older snapshot. */
  const script = `
    const client = new (require('pg').Client)(process.env.DATABASE_URL);
    (async () => {
      await client.connect();
      const { rows } = await client.query("SELECT to_regclass('public.shelf') IS NULL AS pending");
      if (rows[0].pending) {
        await client.query('CREATE TABLE shelf (book text)');
        await client.query('SELECT pg_sleep(0.3)');
        await client.query('CREATE INDEX CONCURRENTLY shelf_book ON shelf (book)');
        console.log('migrated');
      }
      await client.end();
    })();`;

  it('run them one after the other', async () => {
    const args = ['run', 'migrations', '--wait', '10m', '--', process.execPath, '-e', script];
    const outcomes = await Promise.all(
      Array.from({ length: INSTANCES }, () => startCli(args, { DATABASE_URL: database.url }).outcome),
    );

    expect(outcomes.map(({ status, stderr }) => ({ status, stderr }))).toEqual(
      Array(INSTANCES).fill({ status: 0, stderr: '' }),
    );
    expect(outcomes.map(({ stdout }) => stdout).sort()).toEqual(['', '', '', 'migrated\n']);
    const [index] = await database.query(
      `SELECT indisvalid FROM pg_index WHERE indexrelid = 'public.shelf_book'::regclass`,
    );
    expect(index).toEqual({ indisvalid: true });
  });
});
