import { describe, expect, it } from '@jest/globals';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

/** What holds for every session of locks; those that the server knows. */
const NEUTRALISED = {
  search_path: 'pg_catalog',
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  client_connection_check_interval: '2000',
};

async function knownTo(settings: Record<string, string>): Promise<Record<string, string>> {
  const rows = await database.query<{ name: string }>('SELECT name FROM pg_settings WHERE name = ANY ($1)', [
    Object.keys(settings),
  ]);
  return Object.fromEntries(rows.map(({ name }) => [name, settings[name] ?? '']));
}

/** What the lock connection itself reads in `pg_settings`. */
async function settingsWith(options: LocksOptions): Promise<Readonly<Record<string, string>> | undefined> {
  const { settings, problems } = await createLocks(database.url, options).service.diagnose();
  expect(problems).toEqual([]);
  return settings;
}

describe('the settings of a lock connection', () => {
  it.each<{ what: string; options: LocksOptions; settings: Record<string, string> }>([
    {
      what: 'by default',
      options: {},
      settings: {
        idle_session_timeout: '0',
        tcp_keepalives_idle: '2',
        tcp_keepalives_interval: '1',
        tcp_keepalives_count: '9',
        tcp_user_timeout: '10000',
      },
    },
    {
      what: 'for a quick heartbeat',
      options: { heartbeatMs: 500, lostAfterMs: 20_000 },
      settings: {
        idle_session_timeout: '0',
        tcp_keepalives_idle: '1',
        tcp_keepalives_interval: '1',
        tcp_keepalives_count: '21',
        tcp_user_timeout: '20500',
      },
    },
    {
      what: 'for a slow heartbeat',
      options: { heartbeatMs: 30_000, lostAfterMs: 120_000 },
      settings: {
        idle_session_timeout: '0',
        tcp_keepalives_idle: '30',
        tcp_keepalives_interval: '15',
        tcp_keepalives_count: '9',
        tcp_user_timeout: '150000',
      },
    },
    {
      what: 'for holders that freeze',
      options: { frozenAfterMs: 60_000 },
      settings: {
        idle_session_timeout: '60000',
        tcp_keepalives_idle: '2',
        tcp_keepalives_interval: '1',
        tcp_keepalives_count: '9',
        tcp_user_timeout: '10000',
      },
    },
  ])('are $what those that outlast the client and no others', async ({ options, settings }) => {
    expect(await settingsWith(options)).toEqual(await knownTo({ ...NEUTRALISED, ...settings }));
  });
});
