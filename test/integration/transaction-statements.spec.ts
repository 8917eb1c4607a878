import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

/** What Postgres itself does, and the library builds on. */
describe('a transaction lock in Postgres', () => {
  const database = useTestDatabase();

  async function client(): Promise<pg.Client> {
    const connected = new pg.Client({ connectionString: database.url });
    await connected.connect();
    defer(() => connected.end());
    return connected;
  }

  const isWaitedFor = async (): Promise<boolean> =>
    (await database.advisoryLocks()).some(({ granted }) => !granted);

  it.each([
    ['READ COMMITTED', 1],
    ['REPEATABLE READ', 0],
    ['SERIALIZABLE', 0],
  ])('that was waited for, in %s, shows what the last holder wrote or not', async (level, seen) => {
    await database.query('CREATE TABLE snapshot AS SELECT 0 AS value');
    defer(() => database.query('DROP TABLE snapshot'));
    const [holder, waiter] = [await client(), await client()];
    await holder.query('BEGIN; SELECT pg_advisory_xact_lock(1); UPDATE snapshot SET value = 1');
    await waiter.query(`BEGIN ISOLATION LEVEL ${level}`);

    const granted = waiter.query('SELECT pg_advisory_xact_lock(1)');
    await until(isWaitedFor, 'the lock is waited for');
    await holder.query('COMMIT');
    await granted;

    expect((await waiter.query('SELECT value FROM snapshot')).rows).toEqual([{ value: seen }]);
    await waiter.query('ROLLBACK');
  });

  it('goes with the savepoint that is rolled back, and stays with the one that is released', async () => {
    const session = await client();
    await session.query('BEGIN; SAVEPOINT a; SELECT pg_advisory_xact_lock(1); ROLLBACK TO SAVEPOINT a');
    expect(await database.advisoryLocks()).toEqual([]);

    await session.query('SAVEPOINT b; SELECT pg_advisory_xact_lock(1); RELEASE SAVEPOINT b');
    expect(await database.advisoryLocks()).toHaveLength(1);

    await session.query('COMMIT');
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('keeps CREATE INDEX CONCURRENTLY waiting for queued waiters, and not for tries', async () => {
    await database.query('CREATE TABLE indexed (value int)');
    defer(() => database.query('DROP TABLE indexed'));
    const [holder, waiter, builder] = [await client(), await client(), await client()];
    await holder.query('SELECT pg_advisory_lock(1)');
    const granted = waiter.query('SELECT pg_advisory_lock(1)');
    await until(isWaitedFor, 'the lock is waited for');

    await builder.query("SET lock_timeout = '300ms'");
    await expect(builder.query('CREATE INDEX CONCURRENTLY i ON indexed (value)')).rejects.toMatchObject({
      code: '55P03',
    });
    await builder.query('DROP INDEX CONCURRENTLY i');
    await holder.query('SELECT pg_advisory_unlock(1)');
    await granted;
    await holder.query('SELECT pg_try_advisory_lock(1)');
    await builder.query('CREATE INDEX CONCURRENTLY i ON indexed (value)');
  });
});
