import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  CreateExclusiveCronRuns1735689600000,
  EXCLUSIVE_CRON_RUN_SQL,
  ExclusiveCronRun,
} from 'nestjs-advisory-lock';
import type { DataSource } from 'typeorm';
import type { RunRecords } from '../../lib/jobs/records/run-records.js';
import type { PostgresOptions } from '../../lib/core/index.js';
import { createLocks } from '../support/locks.js';
import { openDataSource } from '../support/data-source.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

const withMigration: Partial<PostgresOptions> = {
  entities: [ExclusiveCronRun],
  migrations: [CreateExclusiveCronRuns1735689600000],
};

/** What `synchronize` would still do. */
async function pendingChanges(dataSource: DataSource): Promise<string[]> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

/** Whether runs can be recorded: it rejects otherwise. */
const check = (dataSource: DataSource): Promise<void> =>
  createLocks(database.url, {}, dataSource).features.jobs.records.check();

const tableExists = async (path: string): Promise<boolean> => {
  const [row] = await database.query<{ path: string | null }>('SELECT to_regclass($1)::text AS path', [path]);
  return row?.path != null;
};

afterEach(() =>
  database.query(
    `DROP TABLE IF EXISTS exclusive_cron_run, "App_exclusive_cron_run", migrations, "App_migrations",
        typeorm_metadata;
      DROP SCHEMA IF EXISTS "Other" CASCADE`,
  ),
);

describe('the table of recorded runs', () => {
  it('is made by the migration as synchronize would make it, and taken away again', async () => {
    const dataSource = await openDataSource(database.url, withMigration);
    await dataSource.runMigrations();
    expect(await tableExists('exclusive_cron_run')).toBe(true);
    expect(await pendingChanges(dataSource)).toEqual([]);
    await check(dataSource);

    await dataSource.undoLastMigration();
    expect(await tableExists('exclusive_cron_run')).toBe(false);
    expect(await pendingChanges(dataSource)).not.toEqual([]);
  });

  it('is made by synchronize', async () => {
    const dataSource = await openDataSource(database.url, {
      entities: [ExclusiveCronRun],
      synchronize: true,
    });
    expect(await pendingChanges(dataSource)).toEqual([]);
    await check(dataSource);
  });

  it('is made by the SQL', async () => {
    await database.query(EXCLUSIVE_CRON_RUN_SQL);
    const dataSource = await openDataSource(database.url, { entities: [ExclusiveCronRun] });
    expect(await pendingChanges(dataSource)).toEqual([]);
    await check(dataSource);
  });

  it('is in the schema, and behind the prefix, of the data source', async () => {
    await database.query('CREATE SCHEMA "Other"');
    const options = { ...withMigration, schema: 'Other', entityPrefix: 'App_' };
    const dataSource = await openDataSource(database.url, options);
    await dataSource.runMigrations();
    expect(await tableExists('"Other"."App_exclusive_cron_run"')).toBe(true);
    expect(await pendingChanges(dataSource)).toEqual([]);
    await check(dataSource);
    await dataSource.undoLastMigration();
    expect(await tableExists('"Other"."App_exclusive_cron_run"')).toBe(false);
  });

  it.each([
    ['is missing', ''],
    ['lacks a column', 'CREATE TABLE exclusive_cron_run (job text, tick_at timestamptz)'],
    ['lacks the key', EXCLUSIVE_CRON_RUN_SQL.replace('PRIMARY KEY (job, tick_at)', 'PRIMARY KEY (job)')],
  ])('is found wanting when it %s', async (_, sql) => {
    await database.query(sql);
    const dataSource = await openDataSource(database.url);
    await expect(check(dataSource)).rejects.toMatchObject({ code: expect.stringMatching(/^42/) });
  });

  it('has an entity that reads and writes it', async () => {
    const dataSource = await openDataSource(database.url, {
      entities: [ExclusiveCronRun],
      synchronize: true,
    });
    const { records } = createLocks(database.url, { namespace: 'shop' }, dataSource).features.jobs;
    const tickAt = new Date(Math.floor(Date.now() / 1000) * 1000);
    await records.run('report', tickAt.getTime(), 3_600_000, () => Promise.resolve());
    const runs = dataSource.getRepository(ExclusiveCronRun);
    expect(await runs.find()).toMatchObject([
      { job: 'shop:report', tickAt, outcome: 'done', error: null, startedAt: expect.any(Date) },
    ]);
  });
});

describe('a recorded run', () => {
  beforeEach(() => database.query(EXCLUSIVE_CRON_RUN_SQL));

  const HOUR_MS = 3_600_000;
  const now = Math.floor(Date.now() / 1000) * 1000;

  async function recorder(): Promise<RunRecords> {
    return createLocks(database.url, {}, await openDataSource(database.url)).features.jobs.records;
  }

  it('is one of many that want the tick at once, and none later', async () => {
    const fleet = await Promise.all([recorder(), recorder(), recorder(), recorder()]);
    let runs = 0;
    const runAll = () =>
      Promise.all(
        fleet.map((records) => records.run('report', now, HOUR_MS, () => Promise.resolve((runs += 1)))),
      );
    const acquired = (await runAll()).filter((outcome) => outcome.acquired);
    expect(acquired).toEqual([{ acquired: true, value: 1 }]);
    expect((await runAll()).every((outcome) => !outcome.acquired)).toBe(true);
    expect(runs).toBe(1);
  });

  it('is refused when its row may have been deleted for its age, by any clock', async () => {
    const records = await recorder();
    const run = (atMs: number) => records.run('report', atMs, HOUR_MS, () => Promise.resolve());
    expect(await run(now - HOUR_MS - 1_000)).toEqual({ acquired: false });
    expect(await run(now - HOUR_MS + 60_000)).toMatchObject({ acquired: true });
  });

  it('deletes a thousand rows of its job that are too old, and no others', async () => {
    const records = await recorder();
    const insert = (job: string, ageMs: number, count: number) =>
      database.query(
        `INSERT INTO exclusive_cron_run (job, tick_at, instance, started_at)
         SELECT $1, now() - ($2 + n) * interval '1 ms', 'x', now() FROM generate_series(1, $3) n`,
        [job, ageMs, count],
      );
    const count = async (job: string): Promise<number> => {
      const where = [job];
      return (await database.query('SELECT FROM exclusive_cron_run WHERE job = $1', where)).length;
    };
    await insert('report', HOUR_MS, 1_500);
    await insert('report', HOUR_MS - 600_000, 3);
    await insert('other', HOUR_MS, 2);
    const run = (atMs: number) => records.run('report', atMs, HOUR_MS, () => Promise.resolve());

    await run(now);
    expect([await count('report'), await count('other')]).toEqual([504, 2]);
    await run(now + 1);
    expect([await count('report'), await count('other')]).toEqual([5, 2]);
  });

  it('ends as it did when its end cannot be recorded', async () => {
    const records = await recorder();
    const outcome = await records.run('report', now, HOUR_MS, async () => {
      await database.query('DROP TABLE exclusive_cron_run');
      return 'sent';
    });
    expect(outcome).toEqual({ acquired: true, value: 'sent' });
  });

  it('has an error as text, without what Postgres does not take', async () => {
    const records = await recorder();
    const fail = (atMs: number, error: unknown) =>
      records
        .run('report', atMs, HOUR_MS, () => Promise.reject(error as Error))
        .catch((thrown: unknown) => thrown);
    const error = new TypeError('a\0b'.padEnd(5_000, '.'));
    expect(await fail(now, error)).toBe(error);
    expect(await fail(now + 1, { why: 'no' })).toEqual({ why: 'no' });
    const runs = await records.newest('report', 2);
    expect(runs.map((run) => run.error)).toEqual([
      "{ why: 'no' }",
      expect.stringMatching(/^TypeError: ab\.{1,2000}$/),
    ]);
  });
});
