import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { defer } from '../support/cleanup.js';
import { failOnLeaks } from '../support/leak-check.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();
const observer = new pg.Pool({ connectionString: process.env.TEST_ADMIN_URL, max: 1 });
const quickly = { deadlineMs: 200 };

async function connect(applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url, application_name: applicationName });
  client.on('error', () => undefined); // The check ends what is left.
  await client.connect();
  defer(() => client.end());
  return client;
}

describe('the leak check', () => {
  afterAll(() => observer.end());

  it('passes when nothing is left', async () => {
    await expect(failOnLeaks(observer, database.name, quickly)).resolves.toBeUndefined();
  });

  it('names a connection that is left, and ends it', async () => {
    const client = await connect('forgotten');
    await client.query('SELECT 1 AS last_statement');
    await expect(failOnLeaks(observer, database.name, quickly)).rejects.toThrow(
      /connection .*"applicationName":"forgotten","state":"idle","query":"SELECT 1 AS last_statement"/,
    );
    expect(await database.connections()).toEqual([]);
  });

  it('names a lock that is left, even on a connection that may stay, and ends it', async () => {
    const client = await connect('holder');
    await client.query('SELECT pg_advisory_lock(7, 9)');
    const check = failOnLeaks(observer, database.name, { ...quickly, connectionsMayStay: true });
    await expect(check).rejects.toThrow(
      /lock .*"applicationName":"holder","classid":7,"objid":9,"objsubid":2/,
    );
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('names a lock that the test database itself took', async () => {
    await database.query('SELECT pg_advisory_lock(7)');
    await expect(failOnLeaks(observer, database.name, quickly)).rejects.toThrow(/lock .*"objid":7/);
    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('lets idle connections stay on request, but no open transaction', async () => {
    const client = await connect('pool');
    const options = { ...quickly, connectionsMayStay: true };
    await expect(failOnLeaks(observer, database.name, options)).resolves.toBeUndefined();
    await client.query('BEGIN');
    await expect(failOnLeaks(observer, database.name, options)).rejects.toThrow('idle in transaction');
  });

  it('waits for what goes away before the deadline', async () => {
    const client = await connect('late');
    const slowly = client.query('SELECT pg_sleep(0.3)').then(() => client.end());
    await expect(failOnLeaks(observer, database.name, { deadlineMs: 5_000 })).resolves.toBeUndefined();
    await slowly;
  });
});

describe('a test database whose connections may stay', () => {
  const shared = useTestDatabase({ connectionsMayStay: true });

  beforeAll(async () => {
    const client = new pg.Client({ connectionString: shared.url, application_name: 'shared' });
    await client.connect();
    defer(() => client.end());
  });

  it.each(['first', 'second'])('finds the shared connection in the %s test', async () => {
    expect(await shared.connections()).toMatchObject([{ applicationName: 'shared', state: 'idle' }]);
  });
});
