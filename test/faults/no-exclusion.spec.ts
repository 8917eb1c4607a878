import { beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { withClient } from '../support/admin.js';
import { alterCatalog } from '../support/altered-catalog.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { startPrimary } from './support/postgres-cluster.js';

/**
 * In SQL, which the planner puts in place; Postgres calls its own functions
 * by number, whatever their row says.
 */
const returns = (declaration: string, body: string): string =>
  `${declaration} LANGUAGE sql VOLATILE AS ${pg.escapeLiteral(body)}`;

const GRANTS_EVERYTHING = [
  returns('pg_try_advisory_lock(bigint) RETURNS boolean', 'SELECT true'),
  returns('pg_advisory_unlock(bigint) RETURNS boolean', 'SELECT true'),
];
const GRANTS_NOTHING = [returns('pg_try_advisory_lock(bigint) RETURNS boolean', 'SELECT false')];
const HAS_NO_LOCKS = [
  `not_implemented() RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN RAISE feature_not_supported USING MESSAGE = 'advisory locks are not yet implemented'; END $$`,
  returns('pg_try_advisory_lock(bigint) RETURNS boolean', 'SELECT pg_catalog.not_implemented()'),
];
const SAYS_COCKROACH = [
  returns('version() RETURNS text', `SELECT 'CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu)'`),
];

describe('a server whose advisory locks do not exclude', () => {
  let serverUrl: string;
  beforeAll(async () => {
    ({ url: serverUrl } = await closeAfterTest(startPrimary({ flags: ['-c', 'max_connections=10'] })));
  });

  let count = 0;
  async function createDatabase(...functions: string[][]): Promise<string> {
    const name = `resembling_${String((count += 1))}`;
    await withClient(serverUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE template0`));
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    await alterCatalog(url.href, functions.flat());
    return url.href;
  }

  const countConnections = (url: string): Promise<number> =>
    withClient(serverUrl, async (client) => {
      const { rows } = await client.query<{ count: number }>(
        'SELECT count(*)::int FROM pg_stat_activity WHERE datname = $1',
        [new URL(url).pathname.slice(1)],
      );
      return rows[0]?.count ?? NaN;
    });

  async function expectRefusal(url: string, name: RegExp, options?: LocksOptions): Promise<void> {
    const { service } = createLocks(url, options);
    for (const attempt of [
      () => service.acquire('import'),
      () => service.acquire('import', { waitMs: Infinity }),
      () => service.isLocked('import'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
        message: expect.stringMatching(name) as unknown,
      });
    }
    expect(await service.diagnose()).toMatchObject({
      isHealthy: false,
      problems: [{ code: 'NO_EXCLUSION', message: expect.stringMatching(name) as unknown }],
      connections: { open: 0 },
    });
    await until(async () => (await countConnections(url)) === 0, 'nothing stays open');
  }

  it('is refused with its name when it grants everything', async () => {
    await expectRefusal(await createDatabase(GRANTS_EVERYTHING, SAYS_COCKROACH), /CockroachDB CCL v24\.1\.0/);
  });

  it('is refused although it says that it is Postgres', async () => {
    await expectRefusal(await createDatabase(GRANTS_EVERYTHING), /"PostgreSQL \d+/);
  });

  it('is refused through a pooler too, when it does not say that it is Postgres', async () => {
    const url = await createDatabase(GRANTS_EVERYTHING, SAYS_COCKROACH);
    await expectRefusal(url, /CockroachDB CCL v24\.1\.0/, { pooler: 'transaction' });
  });

  it('is refused when it grants nothing', async () => {
    await expectRefusal(await createDatabase(GRANTS_NOTHING, SAYS_COCKROACH), /CockroachDB CCL v24\.1\.0/);
  });

  it('is refused with its name when it has no locks at all', async () => {
    await expectRefusal(await createDatabase(HAS_NO_LOCKS, SAYS_COCKROACH), /CockroachDB CCL v24\.1\.0/);
  });

  it('is taken at its locks, not at its name, when these do exclude', async () => {
    const { service } = createLocks(await createDatabase(SAYS_COCKROACH));
    await using lock = await service.acquire('import');
    expect(lock.isHeld).toBe(true);
    expect(await service.diagnose()).toMatchObject({
      server: { version: expect.stringContaining('CockroachDB') as unknown, exclusion: 'proven' },
    });
  });

  it('is refused without evidence: no known name, and no second connection for a test', async () => {
    const url = await createDatabase(SAYS_COCKROACH);
    const database = new URL(url).pathname.slice(1);
    await withClient(serverUrl, (client) =>
      client.query(
        `CREATE ROLE alone LOGIN PASSWORD 'alone' CONNECTION LIMIT 1;
        GRANT CONNECT ON DATABASE ${database} TO alone`,
      ),
    );
    const alone = new URL(url);
    alone.username = alone.password = 'alone';
    const { service } = createLocks(alone.href);
    await expect(service.acquire('import')).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    await until(async () => (await countConnections(url)) === 0, 'nothing stays open');
  });
});
