import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { LockTimeoutError, runMigrationsExclusively } from 'nestjs-advisory-lock';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { openDataSource } from '../support/data-source.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { lockInOtherSession, unlockInOtherSession } from './support/advisory-locks.js';

const database = useTestDatabase();
const LOCK = 'migrations:public.migrations';

interface Done {
  type: string;
  ran: string[];
  isInitialized: boolean;
}

class CreateThing1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE thing (id int)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE thing');
  }
}

class Failing1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('SELECT 1/0');
  }
  down(): Promise<void> {
    return Promise.resolve();
  }
}

/** Ends the connection that holds the lock, as a broken network would. */
class LosesItsLock1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'nestjs-advisory-lock migrations %'`,
    );
    await runner.query('SELECT pg_sleep(0.2)');
  }
  down(): Promise<void> {
    return Promise.resolve();
  }
}

const notInitialized = (options: object = {}): DataSource =>
  new DataSource({
    type: 'postgres',
    url: database.url,
    poolSize: 1,
    migrations: [CreateThing1700000000001],
    logger: 'debug',
    ...options,
  });

afterEach(() =>
  database.query(
    'DROP TABLE IF EXISTS thing, journal, migrations, typeorm_metadata; DROP SCHEMA IF EXISTS other CASCADE',
  ),
);

describe('a fleet of 6 processes with pools of 1 that start at once', () => {
  let workers: WorkerProcess[] = [];

  beforeAll(async () => {
    workers = Array.from({ length: 6 }, () =>
      startWorker(new URL('./workers/migrator.ts', import.meta.url), { env: { TEST_URL: database.url } }),
    );
    for (const worker of workers) await worker.message<Done>(({ type }) => type === 'ready', 60_000);
  }, 60_000);

  it.each([
    { transaction: 'each', isInitialized: false },
    { transaction: 'each', isInitialized: true },
    { transaction: 'all', isInitialized: false },
    { transaction: 'none', isInitialized: true },
  ])('runs each migration once: %p', async (order) => {
    for (const worker of workers) worker.send(order);
    const done = await Promise.all(
      workers.map((worker) => worker.message<Done>(({ type }) => type === 'done')),
    );

    const all = ['CreateJournal1700000000001', 'WriteJournal1700000000002', 'IndexJournal1700000000003'];
    expect(done.map(({ ran }) => ran).filter(({ length }) => length > 0)).toEqual([all]);
    expect(done.map(({ isInitialized }) => isInitialized)).toEqual(done.map(() => order.isInitialized));
    const journal = await database.query<{ migration: string; pid: number }>('SELECT * FROM journal');
    expect(journal.map(({ migration }) => migration)).toEqual(['one', 'two', 'three']);
    expect(new Set(journal.map(({ pid }) => pid)).size).toBe(1);
    expect(await database.query('SELECT name FROM migrations ORDER BY id')).toEqual(
      all.map((name) => ({ name })),
    );
  });
});

describe('runMigrationsExclusively', () => {
  it('leaves an initialized data source as it is', async () => {
    const dataSource = await openDataSource(database.url, { migrations: [CreateThing1700000000001] });

    expect(await runMigrationsExclusively(dataSource)).toMatchObject([{ name: 'CreateThing1700000000001' }]);
    expect(await runMigrationsExclusively(dataSource)).toEqual([]);

    await dataSource.query('SELECT FROM thing');
  });

  it('can initialize a data source again and again', async () => {
    const dataSource = notInitialized({ migrationsRun: true });

    expect(await runMigrationsExclusively(dataSource)).toHaveLength(1);
    expect(await runMigrationsExclusively(dataSource)).toEqual([]);

    expect(dataSource.isInitialized).toBe(false);
    expect(dataSource.options.migrationsRun).toBe(true);
  });

  it('passes the error of a migration through, and lets the next one try', async () => {
    const dataSource = notInitialized({ migrations: [CreateThing1700000000001, Failing1700000000002] });

    await expect(runMigrationsExclusively(dataSource, { transaction: 'each' })).rejects.toThrow(
      'division by zero',
    );

    expect(dataSource.isInitialized).toBe(false);
    expect(await runMigrationsExclusively(notInitialized())).toEqual([]);
  });

  it('gives up after waitMs, and at the signal, with its reason', async () => {
    await lockInOtherSession(database, LOCK);
    const reason = new Error('the deployment was stopped');
    const abortion = new AbortController();

    const timedOut = runMigrationsExclusively(notInitialized(), { waitMs: 50 });
    const aborted = runMigrationsExclusively(notInitialized(), { signal: abortion.signal });
    await expect(timedOut).rejects.toThrow(LockTimeoutError);
    abortion.abort(reason);

    await expect(aborted).rejects.toBe(reason);
    expect(await database.query(`SELECT to_regclass('thing') AS thing`)).toEqual([{ thing: null }]);
  });

  it('waits for migrations of the same table, and not for others', async () => {
    await lockInOtherSession(database, LOCK);
    await database.query('CREATE SCHEMA other');

    const waiting = runMigrationsExclusively(notInitialized());
    expect(await runMigrationsExclusively(notInitialized({ schema: 'other', migrations: [] }))).toEqual([]);
    expect(await database.query(`SELECT to_regclass('thing') AS thing`)).toEqual([{ thing: null }]);
    await unlockInOtherSession(database, LOCK);

    expect(await waiting).toHaveLength(1);
  });

  it('reports that its lock was lost in the meantime', async () => {
    const dataSource = notInitialized({ migrations: [LosesItsLock1700000000001] });

    await expect(runMigrationsExclusively(dataSource)).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });

  it('says so when the database cannot be reached, and for what cannot be', async () => {
    const unreachable = notInitialized({ url: 'postgres://127.0.0.1:1/nowhere' });
    await expect(runMigrationsExclusively(unreachable)).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });

    const misspelt = runMigrationsExclusively(notInitialized(), { wait: 1 } as object);
    await expect(misspelt).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
    const mysql = { options: { type: 'mysql' } } as DataSource;
    await expect(runMigrationsExclusively(mysql)).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
    const address = runMigrationsExclusively(database.url as unknown as DataSource);
    await expect(address).rejects.toThrow(
      /must have a data source of TypeORM or a function that migrates, received a value of type string\. Where/,
    );
  });
});

describe('runMigrationsExclusively with a function', () => {
  it('runs it under the lock, and resolves to what it returns', async () => {
    const options = { postgres: database.url };
    const work = runMigrationsExclusively(async ({ name, isHeld }) => {
      await expect(runMigrationsExclusively(() => 'never', { ...options, waitMs: 0 })).rejects.toMatchObject({
        code: 'LOCK_TIMEOUT',
      });
      return [name, isHeld, await runMigrationsExclusively(() => 'other', { ...options, name: 'other' })];
    }, options);

    expect(await work).toEqual(['migrations', true, 'other']);
  });

  it('takes the options of a client of node-postgres', async () => {
    const { hostname, port, username, password, pathname } = new URL(database.url);
    const postgres = {
      host: hostname,
      port: Number(port),
      user: username,
      password: () => Promise.resolve(decodeURIComponent(password)),
      database: pathname.slice(1),
    };

    expect(await runMigrationsExclusively(() => 'done', { postgres, name: 'shop' })).toBe('done');
  });

  it('passes its error through, and lets the next one try', async () => {
    const failed = runMigrationsExclusively(() => Promise.reject(new Error('no such column')), {
      postgres: database.url,
    });
    await expect(failed).rejects.toThrow('no such column');

    expect(await runMigrationsExclusively(() => 'done', { postgres: database.url })).toBe('done');
  });

  it.each<[string, object | undefined, string]>([
    ['no database', undefined, 'The option `postgres` of runMigrationsExclusively() must be'],
    ['no address', { postgres: 'prisma://x/?key=secret' }, 'received one that begins with prisma://'],
    ['an option of data sources', { postgres: 'postgres://a', transaction: 'each' }, '`transaction`'],
    ['an empty name', { postgres: 'postgres://a', name: '' }, 'a string of at least one character'],
  ])('refuses %s', async (_what, options, message) => {
    const refused = runMigrationsExclusively(() => 'never', options as { postgres: string });

    const error: unknown = await refused.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(String(error)).toContain(message);
    expect(String(error)).not.toContain('secret');
  });
});
