import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import pg from 'pg';
import { withClient } from '../../support/admin.js';
import { defer } from '../../support/cleanup.js';
import { useTestDatabase } from '../../support/test-database.js';
import { closeAfterTest } from '../support/close-after-test.js';
import { createHostileRole, HOSTILE_SETTINGS } from '../support/hostile-role.js';

describe('a hostile role', () => {
  const database = useTestDatabase();

  async function connect(settings?: Record<string, string>): Promise<pg.Client> {
    const role = await closeAfterTest(createHostileRole(database.url, settings));
    const client = new pg.Client(role.url);
    client.on('error', () => undefined);
    await client.connect();
    defer(() => client.end());
    return client;
  }

  it('has its settings from the start of a session', async () => {
    const client = await connect();
    const { rows } = await client.query<{ name: string; setting: string }>(
      `SELECT name, current_setting(name) AS setting FROM pg_settings WHERE source = 'user'`,
    );
    // A server before 17 has no transaction_timeout, one before 14 no idle_session_timeout.
    expect(rows.length).toBeGreaterThanOrEqual(5);
    expect(Object.entries(HOSTILE_SETTINGS)).toEqual(
      expect.arrayContaining(rows.map(({ name, setting }) => [name, setting])),
    );
  });

  it('breaks what takes no care', async () => {
    const client = await connect();
    await expect(client.query('SELECT pg_sleep(5)')).rejects.toMatchObject({ code: '57014' });
    await expect(client.query('CREATE TABLE forbidden ()')).rejects.toMatchObject({ code: '25006' });
    await expect(client.query('SELECT pg_current_xact_id()')).resolves.toBeDefined();
  });

  it('loses a lock session that is quiet', async () => {
    const client = await connect({ idle_session_timeout: '200ms' });
    await client.query('SELECT pg_advisory_lock(1)');
    const [error] = (await once(client, 'error')) as [pg.DatabaseError];
    expect(error.code).toBe('57P05');
  });

  it('loses a transaction that is quiet', async () => {
    const client = await connect({ idle_in_transaction_session_timeout: '200ms' });
    await client.query('BEGIN');
    const [error] = (await once(client, 'error')) as [pg.DatabaseError];
    expect(error.code).toBe('25P03');
  });

  it('leaves nothing behind', async () => {
    const role = await createHostileRole(database.url);
    await role.close();
    await expect(withClient(role.url, () => Promise.resolve())).rejects.toMatchObject({ code: '28P01' });
  });
});
