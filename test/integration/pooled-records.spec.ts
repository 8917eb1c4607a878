import { beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { PooledRecords } from '../../lib/jobs/records/record-database.js';
import { type ApplicationDatabase, dataSourceDatabase } from '../../lib/lease/application-database.js';
import { LeaseStore } from '../../lib/lease/lease-store.js';
import { ADVISORY_LEASE_SQL } from '../../lib/lease/lease-table.js';
import { defer } from '../support/cleanup.js';
import { openDataSource } from '../support/data-source.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

interface Pool {
  readonly records: Pick<ApplicationDatabase, 'query' | 'queryPrepared' | 'tableOf'>;
  /** What finds its backends among those of the database. */
  readonly applicationName: string;
}

const POOLS: { title: string; open: () => Promise<Pool> }[] = [
  {
    title: 'the pool for an application without a data source',
    open: () => {
      const records = new PooledRecords({
        database: () => ({ connectionString: database.url }),
        instance: 'test',
      });
      defer(() => records.close());
      return Promise.resolve({ records, applicationName: 'nestjs-advisory-lock-records test' });
    },
  },
  {
    title: 'the pool of a data source of TypeORM',
    open: async () => {
      const applicationName = 'pool of TypeORM';
      const dataSource = await openDataSource(database.url, { applicationName });
      return { records: dataSourceDatabase(() => dataSource), applicationName };
    },
  },
];

describe.each(POOLS)('$title', ({ open }) => {
  let pool: Pool;

  beforeEach(async () => {
    pool = await open();
  });

  const terminateActive = () =>
    until(async () => {
      const sql = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND state = 'active' AND application_name = $1`;
      return (await database.query(sql, [pool.applicationName])).length > 0;
    }, 'a backend is terminated');

  it.each(['query', 'queryPrepared'] as const)('gives out no terminated client: %s', async (method) => {
    const { records } = pool;
    const hanging = expect(records[method]('SELECT pg_sleep(30)', [])).rejects.toThrow('terminating');
    await terminateActive();
    await hanging;
    expect(await records[method]('SELECT 1 AS one', [])).toEqual([{ one: 1 }]);
  });

  it('grants the leases of a statement whose backend was terminated', async () => {
    await database.query(`DROP TABLE IF EXISTS advisory_lease; ${ADVISORY_LEASE_SQL}`);
    const blocker = new pg.Client(database.url);
    await blocker.connect();
    defer(() => blocker.end());
    await blocker.query('BEGIN; LOCK TABLE advisory_lease');
    const store = new LeaseStore(pool.records);
    const grants = ['a', 'b', 'c'].map((name) =>
      store.grant({ name, tokenHash: name, owner: 'test', ttlMs: 60_000 }),
    );
    await terminateActive();
    await blocker.query('COMMIT');
    expect((await Promise.all(grants)).map((term) => term?.ttlMs)).toEqual([60_000, 60_000, 60_000]);
  });
});
