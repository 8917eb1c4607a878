import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ADVISORY_LEASE_SQL } from 'nestjs-advisory-lock';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

const TTL = { ttlMs: 60_000 };

async function createService() {
  // One connection, so that a setting that stayed would be seen by the next statement.
  const dataSource = await openDataSource(database.url, { poolSize: 1 });
  return { dataSource, service: createLocks(database.url, {}, dataSource).service };
}

/** The setting in each transaction that has changed a lease. */
async function settings(): Promise<string[]> {
  const rows = await database.query<{ setting: string }>('SELECT setting FROM seen ORDER BY id');
  return rows.map(({ setting }) => setting);
}

beforeAll(() =>
  database.query(
    `${ADVISORY_LEASE_SQL};
     -- The servers of the tests have it off.
     DO $$ BEGIN
       EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database());
     END $$;
     CREATE TABLE seen (id serial, setting text);
     CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO seen (setting) VALUES (current_setting('synchronous_commit'));
       RETURN NULL;
     END $$;
     CREATE TRIGGER see AFTER INSERT OR UPDATE ON advisory_lease FOR EACH ROW EXECUTE FUNCTION see()`,
  ),
);
beforeEach(() => database.query('TRUNCATE seen'));

describe('a durable lease', () => {
  it('waits for the disk when it is granted and extended, and not when it is released', async () => {
    const { service, dataSource } = await createService();
    const lease = await service.lease('doc', TTL);
    await lease.extend();
    await lease.release();
    expect(await settings()).toEqual(['on', 'on', 'off']);
    expect(await dataSource.query('SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
  });
});

describe('a lease that is not durable', () => {
  it('does not wait for the disk, in the transactions of its changes alone', async () => {
    const { service, dataSource } = await createService();
    const lease = await service.lease('doc', { ...TTL, durable: false });
    await lease.extend();
    await lease.release();
    expect(await settings()).toEqual(['off', 'off', 'off']);
    expect(await dataSource.query('SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
  });

  it('makes no other lease of its batch less durable', async () => {
    const { service } = await createService();
    const leases = await Promise.all([
      service.lease('a', { ...TTL, durable: false }),
      service.lease('b', { ...TTL }),
    ]);
    expect(await settings()).toEqual(['on', 'on']);
    const [, durable] = leases;
    await durable.extend();
    await (await service.resumeLease('a', leases[0].token)).extend();
    expect(await settings()).toEqual(['on', 'on', 'on', 'on']);
    await Promise.all(leases.map((lease) => lease.release()));
  });

  it('must be said by a boolean', async () => {
    const { service } = await createService();
    await expect(service.lease('doc', { ...TTL, durable: 'no' as never })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
  });
});
