import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ADVISORY_LEASE_SQL,
  AdvisoryLeaseRecord,
  AdvisoryOnceRecord,
  CreateAdvisoryLeases1795824000000,
  CreateAdvisoryOnce1795824000001,
} from 'nestjs-advisory-lock';
import type { DataSource } from 'typeorm';
import { LockKey } from '../../lib/core/index.js';
import { dataSourceDatabase } from '../../lib/lease/application-database.js';
import { LeaseStore } from '../../lib/lease/lease-store.js';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { startServer, useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

const withTables = {
  entities: [AdvisoryLeaseRecord, AdvisoryOnceRecord],
  migrations: [CreateAdvisoryLeases1795824000000, CreateAdvisoryOnce1795824000001],
};
const TTL = { ttlMs: 60_000 };

/** What `synchronize` would still do. */
async function pendingChanges(dataSource: DataSource): Promise<string[]> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

async function use(dataSource: DataSource): Promise<void> {
  const { service } = createLocks(database.url, {}, dataSource);
  const lease = await service.lease('doc', TTL);
  await lease.extend();
  await (await service.resumeLease('doc', lease.token)).release();
  expect(await service.once('seed', () => undefined)).toEqual({ ran: true });
  expect(await service.once('seed', () => undefined)).toEqual({ ran: false });
}

describe('the tables of leases and of what has run once', () => {
  afterEach(() =>
    database.query(
      `DROP TABLE IF EXISTS advisory_lease, advisory_once, migrations, typeorm_metadata;
        DROP SCHEMA IF EXISTS "Other" CASCADE`,
    ),
  );

  it('are made by the migrations as synchronize would make them, and taken away again', async () => {
    const dataSource = await openDataSource(database.url, withTables);
    await dataSource.runMigrations();
    expect(await pendingChanges(dataSource)).toEqual([]);
    await use(dataSource);
    await dataSource.undoLastMigration();
    await dataSource.undoLastMigration();
    expect(await pendingChanges(dataSource)).toHaveLength(2);
  });

  it('are found where the data source has its tables, and read through the entities', async () => {
    await database.query('CREATE SCHEMA "Other"');
    const dataSource = await openDataSource(database.url, {
      ...withTables,
      schema: 'Other',
      entityPrefix: 'App_',
      synchronize: true,
    });
    await use(dataSource);
    expect(await dataSource.getRepository(AdvisoryLeaseRecord).find()).toMatchObject([
      { name: 'doc', tokenHash: null, ttlMs: '60000', expiresAt: expect.any(Date) },
    ]);
    expect(await dataSource.getRepository(AdvisoryOnceRecord).find()).toMatchObject([
      { name: 'seed', version: '', ranAt: expect.any(Date) },
    ]);
  });
});

/** Of its own, as transactions in the databases of other tests keep rows from being deleted or cleaned. */
async function serverWithTable(): Promise<{ readonly url: string; readonly admin: DataSource }> {
  const { url } = await startServer([]);
  const admin = await openDataSource(url);
  await admin.query(ADVISORY_LEASE_SQL);
  return { url, admin };
}

describe('the table of leases of a server', () => {
  it('loses rows of leases that ended a minute ago, and neither held ones nor tokens', async () => {
    const { url, admin } = await serverWithTable();
    const dataSource = await openDataSource(url, { poolSize: 2 });
    const store = new LeaseStore(dataSourceDatabase(() => dataSource));
    const grant = (name: string) => store.grant({ name, tokenHash: name, owner: 'me', ttlMs: 60_000 });
    const [before] = await Promise.all([grant('old'), grant('held'), grant('ahead')]);
    await admin.query(`UPDATE advisory_lease SET fencing = 9000000000000000000 WHERE name = 'ahead'`);
    await admin.query(
      `UPDATE advisory_lease SET expires_at = expires_at - interval '10 minutes' WHERE name <> 'held'`,
    );
    // A transaction with an older id may still grant: the row waits for its end.
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query('SELECT txid_current()');
    await grant('old');
    await admin.query(
      `UPDATE advisory_lease SET expires_at = expires_at - interval '10 minutes' WHERE name = 'old'`,
    );
    expect(await store.prune()).toBe(0);
    await runner.rollbackTransaction();
    await runner.release();

    expect(await store.prune()).toBe(1);
    expect(await admin.query('SELECT name FROM advisory_lease ORDER BY name')).toEqual([
      { name: 'ahead' },
      { name: 'held' },
    ]);
    const after = await grant('old');
    expect((after?.fencingToken ?? 0n) > (before?.fencingToken ?? 0n)).toBe(true);
  });

  it('neither grows nor leaves dead rows in its index when leases are taken again and again', async () => {
    const { url, admin } = await serverWithTable();
    const dataSource = await openDataSource(url);
    const { service } = createLocks(url, {}, dataSource);
    for (let round = 0; round < 300; round += 1) await (await service.lease('doc', TTL)).release();
    await admin.query('SELECT pg_stat_force_next_flush()');
    await dataSource.query('SELECT pg_stat_force_next_flush()');
    const [row] = await admin.query<{ updates: string; hot: string; bytes: string }[]>(
      `SELECT n_tup_upd AS updates, n_tup_hot_upd AS hot, pg_relation_size(relid) AS bytes
         FROM pg_stat_user_tables WHERE relname = 'advisory_lease'`,
    );
    expect(Number(row?.updates)).toBe(599);
    // A snapshot of another session may keep the page from being cleaned in time for one of them.
    expect(Number(row?.hot)).toBeGreaterThan(590);
    expect(Number(row?.bytes)).toBeLessThanOrEqual(2 * 8_192);
  });
});

describe('the table of leases', () => {
  beforeEach(() => database.query(ADVISORY_LEASE_SQL));
  afterEach(() => database.query('DROP TABLE advisory_lease'));

  it('is read by its index, however many leases a statement is about', async () => {
    await database.query(
      `INSERT INTO advisory_lease SELECT 'doc:' || n, 1, NULL, 'me', 1000, now(), now()
         FROM generate_series(1, 10000) AS n`,
    );
    const plans: string[] = [];
    const store = new LeaseStore({
      tableOf: (name) => name,
      queryPrepared: async <Row>(sql: string, values: readonly unknown[]) => {
        const rows = await database.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, [...values]);
        // The deletion of old rows looks at all of them, once a minute.
        if (values.length > 0) plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
        return [] as Row[];
      },
    });
    const lockKey = LockKey.of(1n);
    const requests = Array.from({ length: 500 }, (_, n) => ({
      name: `doc:${n}`,
      tokenHash: `${n}`,
      owner: 'me',
      ttlMs: 1_000,
    }));
    await Promise.all(requests.map((request) => store.grant(request)));
    await Promise.all(requests.map((request) => store.grant({ ...request, lockKey })));
    await Promise.all(requests.map((request) => store.extend(request)));
    await Promise.all(requests.map((request) => store.end(request)));
    await Promise.all(requests.map((request) => store.isHeld(request)));
    // Two of each kind, as there are so many.
    expect(plans).toHaveLength(10);
    for (const plan of plans) {
      expect(plan).toContain('advisory_lease_pkey');
      expect(plan).not.toContain('Seq Scan');
    }
  });

  it('is not written by a caller that finds the lease busy', async () => {
    const { service } = createLocks(database.url, {}, await openDataSource(database.url));
    await service.lease('doc', TTL);
    const version = () => database.query('SELECT xmin, xmax, ctid FROM advisory_lease');
    const before = await version();
    await expect(service.lease('doc', TTL)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    expect(await version()).toEqual(before);
  });

  it.each(['repeatable read', 'serializable'])(
    'works where transactions are %s by default',
    async (level) => {
      const extra = { options: `-c default_transaction_isolation=${level.replace(' ', '\\ ')}` };
      const createService = async () =>
        createLocks(database.url, {}, await openDataSource(database.url, { extra })).service;
      const services = [await createService(), await createService()];
      const tokens: bigint[] = [];
      const add = (token: bigint): void => void tokens.push(token);
      await Promise.all(
        services.flatMap((service) =>
          Array.from({ length: 10 }, () =>
            service.withLease(
              'doc',
              ({ fencingToken }) => {
                add(fencingToken);
              },
              { ...TTL, waitMs: 30_000 },
            ),
          ),
        ),
      );
      expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
      expect(tokens).toHaveLength(20);
    },
  );

  it('is locked in one order by batches that want the same leases', async () => {
    const services = await Promise.all(
      [1, 2, 3].map(async () => createLocks(database.url, {}, await openDataSource(database.url)).service),
    );
    const names = Array.from({ length: 40 }, (_, n) => `doc:${n}`);
    const outcomes = await Promise.allSettled(
      services.flatMap((service, n) =>
        (n % 2 === 0 ? names : names.toReversed()).map((name) => service.lease(name, TTL)),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(names.length);
  });

  it('does not see the transaction around a call', async () => {
    const dataSource = await openDataSource(database.url, { poolSize: 2 });
    const { service } = createLocks(database.url, {}, dataSource);
    await service
      .withTransactionLock('order', async () => {
        await service.lease('doc', TTL);
        throw new Error('rolled back');
      })
      .catch(() => undefined);
    await expect(service.lease('doc', TTL)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
  });
});
