import { afterEach, describe, expect, it } from '@jest/globals';
import {
  CreateAdvisoryLockJobPauses1735776000000,
  ADVISORY_LOCK_JOB_PAUSE_SQL,
  AdvisoryLockJobPause,
} from 'nestjs-advisory-lock';
import type { DataSource } from 'typeorm';
import type { PostgresOptions } from '../../lib/core/index.js';
import { createLocks } from '../support/locks.js';
import { openDataSource } from '../support/data-source.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

const withMigration: Partial<PostgresOptions> = {
  entities: [AdvisoryLockJobPause],
  migrations: [CreateAdvisoryLockJobPauses1735776000000],
};

/** What `synchronize` would still do. */
async function pendingChanges(dataSource: DataSource): Promise<string[]> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

/** Whether a job can be paused: it rejects otherwise. */
async function check(dataSource: DataSource): Promise<void> {
  const { pauses } = createLocks(database.url, {}, dataSource).features.jobs;
  await pauses.pause('report', 'why', undefined);
  await pauses.refresh();
  expect(pauses.of('report')).toMatchObject({ reason: 'why', untilMs: null });
}

const tableExists = async (path: string): Promise<boolean> => {
  const [row] = await database.query<{ path: string | null }>('SELECT to_regclass($1)::text AS path', [path]);
  return row?.path != null;
};

afterEach(() =>
  database.query(
    `DROP TABLE IF EXISTS advisory_lock_job_pause, "App_advisory_lock_job_pause", migrations,
        "App_migrations",
        typeorm_metadata;
      DROP SCHEMA IF EXISTS "Other" CASCADE`,
  ),
);

describe('the table of paused jobs', () => {
  it('is made by the migration as synchronize would make it, and taken away again', async () => {
    const dataSource = await openDataSource(database.url, withMigration);
    await dataSource.runMigrations();
    expect(await tableExists('advisory_lock_job_pause')).toBe(true);
    expect(await pendingChanges(dataSource)).toEqual([]);
    await check(dataSource);

    await dataSource.undoLastMigration();
    expect(await tableExists('advisory_lock_job_pause')).toBe(false);
    expect(await pendingChanges(dataSource)).not.toEqual([]);
  });

  it('is made by synchronize', async () => {
    const dataSource = await openDataSource(database.url, {
      entities: [AdvisoryLockJobPause],
      synchronize: true,
    });
    expect(await pendingChanges(dataSource)).toEqual([]);
    await check(dataSource);
  });

  it('is made by the SQL', async () => {
    await database.query(ADVISORY_LOCK_JOB_PAUSE_SQL);
    const dataSource = await openDataSource(database.url, { entities: [AdvisoryLockJobPause] });
    expect(await pendingChanges(dataSource)).toEqual([]);
    await check(dataSource);
  });

  it('is in the schema, and behind the prefix, of the data source', async () => {
    await database.query('CREATE SCHEMA "Other"');
    const options = { ...withMigration, schema: 'Other', entityPrefix: 'App_' };
    const dataSource = await openDataSource(database.url, options);
    await dataSource.runMigrations();
    expect(await tableExists('"Other"."App_advisory_lock_job_pause"')).toBe(true);
    expect(await pendingChanges(dataSource)).toEqual([]);
    await check(dataSource);
    await dataSource.undoLastMigration();
    expect(await tableExists('"Other"."App_advisory_lock_job_pause"')).toBe(false);
  });

  it('has an entity that reads it, and keeps the beginning of a pause that is changed', async () => {
    const dataSource = await openDataSource(database.url, {
      entities: [AdvisoryLockJobPause],
      synchronize: true,
    });
    const { pauses } = createLocks(database.url, { namespace: 'shop' }, dataSource).features.jobs;
    const find = () => dataSource.getRepository(AdvisoryLockJobPause).find();
    await pauses.pause('report', 'why', undefined);
    const [first] = await find();
    expect(first).toMatchObject({ job: 'shop:report', reason: 'why', until: null, by: expect.any(String) });

    const until = new Date(Date.now() + 60_000);
    await pauses.pause('report', undefined, until);
    expect(await find()).toEqual([
      { job: first?.job, pausedAt: first?.pausedAt, by: first?.by, reason: null, until, earlier: null },
    ]);

    await pauses.resume('report');
    const [resumed] = await find();
    expect(Number(resumed?.until)).toBeLessThan(Number(until));
    await pauses.resume('report');
    expect(await find()).toEqual([resumed]);

    await pauses.pause('report', undefined, undefined);
    const [again] = await find();
    expect(Number(again?.pausedAt)).toBeGreaterThanOrEqual(Number(resumed?.until));
  });

  it('keeps when the last hundred pauses of a job were, the newest first', async () => {
    const dataSource = await openDataSource(database.url, {
      entities: [AdvisoryLockJobPause],
      synchronize: true,
    });
    const { pauses } = createLocks(database.url, {}, dataSource).features.jobs;
    const find = async () => (await dataSource.getRepository(AdvisoryLockJobPause).find())[0];
    await pauses.pause('report', undefined, undefined);
    await pauses.resume('report');
    const first = await find();
    expect(first).toMatchObject({ earlier: null });
    await pauses.pause('report', undefined, undefined);
    expect(await find()).toMatchObject({ earlier: [first?.pausedAt, first?.until] });

    const ago = (days: number): Date => new Date(Date.UTC(2026, 0, 1) - days * 86_400_000);
    const many = Array.from({ length: 200 }, (_, index) => ago(index));
    await database.query('UPDATE advisory_lock_job_pause SET earlier = $1', [many]);
    await pauses.resume('report');
    const second = await find();
    await pauses.pause('report', undefined, undefined);
    const expected = [second?.pausedAt, second?.until, ...many.slice(0, 198)];
    expect(await find()).toMatchObject({ earlier: expected });

    await pauses.refresh();
    expect(pauses.of('report')?.earlier).toHaveLength(100);
    expect(await pauses.pauseAt('report', Number(ago(1)))).toBeDefined();
  });

  it.each(['public.=(text, text)', 'public.>(timestamptz, timestamptz)'])(
    'is not read or written through an operator of the application: %s',
    async (operator) => {
      await database.query(ADVISORY_LOCK_JOB_PAUSE_SQL);
      const [, sign = '', type = ''] = /public\.(.)\((\w+)/.exec(operator) ?? [];
      await database.query(
        `CREATE FUNCTION public.fail(${type}, ${type}) RETURNS boolean LANGUAGE plpgsql
            AS $$ BEGIN RAISE 'called'; END $$;
          CREATE OPERATOR public.${sign} (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = public.fail)`,
      );
      try {
        const dataSource = await openDataSource(database.url, {
          extra: { options: '-c search_path=public,pg_catalog' },
        });
        const { pauses } = createLocks(database.url, {}, dataSource).features.jobs;
        await pauses.pause('report', 'why', new Date(Date.now() + 60_000));
        await pauses.refresh();
        await pauses.resume('report');
        expect(pauses.of('report')).toMatchObject({ reason: 'why' });
      } finally {
        await database.query('DROP FUNCTION public.fail CASCADE');
      }
    },
  );
});
