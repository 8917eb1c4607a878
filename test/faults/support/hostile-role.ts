import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { withClient } from '../../support/admin.js';

/** What administrators set, with good reasons, and what a session that holds locks must survive. */
export const HOSTILE_SETTINGS: Readonly<Record<string, string>> = {
  idle_session_timeout: '1s',
  idle_in_transaction_session_timeout: '1s',
  transaction_timeout: '1s',
  statement_timeout: '100ms',
  lock_timeout: '50ms',
  default_transaction_read_only: 'on',
  default_transaction_isolation: 'serializable',
};

export interface HostileRole {
  readonly name: string;
  /** The URL that it was made for, with this role's name and password. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * A role whose sessions begin with such settings; those that the server is too old for
 * are left out. `url` is an administrator's.
 */
export async function createHostileRole(url: string, settings = HOSTILE_SETTINGS): Promise<HostileRole> {
  const name = `hostile_${randomBytes(4).toString('hex')}`;
  const password = randomBytes(8).toString('hex');
  await withClient(url, async (client) => {
    await client.query(`CREATE ROLE ${name} LOGIN PASSWORD '${password}'`);
    const known = await client.query<{ name: string }>(
      'SELECT name FROM pg_catalog.pg_settings WHERE name = ANY ($1)',
      [Object.keys(settings)],
    );
    for (const setting of known.rows) {
      const value = pg.escapeLiteral(settings[setting.name] ?? '');
      await client.query(`ALTER ROLE ${name} SET ${setting.name} = ${value}`);
    }
  });

  const own = new URL(url);
  own.username = name;
  own.password = password;
  return {
    name,
    url: own.href,
    async close() {
      await withClient(url, (client) => client.query(`DROP OWNED BY ${name}; DROP ROLE ${name}`));
    },
  };
}
