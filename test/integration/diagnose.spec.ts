import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { freePort } from '../../sample-app/postgres/server.js';
import type { Problem, ProblemCode } from '../../lib/inspection/diagnosis.js';
import { alterCatalog } from '../support/altered-catalog.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { startServer, useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

const problem = (code: ProblemCode, ...words: string[]): Problem => ({
  code,
  message: expect.stringMatching(words.join('.*')) as unknown as string,
});

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  defer(() => client.end());
  return client;
}

/** For the rest of the test, this process' clock goes wrong by so much. */
function shiftClock(ms: number): void {
  const now = Date.now.bind(Date);
  const spy = jest.spyOn(Date, 'now').mockImplementation(() => now() + ms);
  defer(() => {
    spy.mockRestore();
  });
}

describe('the diagnosis of a server that is fine', () => {
  it('reports what the locks rest on', async () => {
    const [{ version, number } = { version: '', number: 0 }] = await database.query<{
      version: string;
      number: number;
    }>(`SELECT version(), current_setting('server_version_num')::int AS number`);
    const { service } = createLocks(database.url, { maxConnections: 3 });
    const diagnosis = await service.diagnose();
    expect(diagnosis).toEqual({
      isHealthy: true,
      problems: [],
      activity: 'idle',
      server: { version, versionNumber: number, isInRecovery: false, exclusion: 'proven' },
      pooler: 'none',
      settings: expect.objectContaining({ statement_timeout: '0', tcp_user_timeout: '10000' }),
      connections: {
        open: 1,
        allowed: 3,
        serverOpen: expect.any(Number),
        serverAllowed: expect.any(Number),
      },
      locks: { used: 0, allowed: expect.any(Number) },
      lockTable: { used: expect.any(Number), capacity: expect.any(Number), free: expect.any(Number) },
      clock: { aheadMs: expect.any(Number), uncertaintyMs: expect.any(Number) },
    });
    const { connections, locks, lockTable } = diagnosis;
    expect(locks?.allowed).toBe(Math.floor((lockTable?.capacity ?? 0) / 2));
    expect(connections.serverOpen).toBeGreaterThan(0);
    expect(connections.serverAllowed).toBeGreaterThanOrEqual(connections.serverOpen ?? Infinity);
    expect(lockTable?.free).toBe((lockTable?.capacity ?? 0) - (lockTable?.used ?? 0));
  });

  it('counts the connections that wait, and the locks that are held', async () => {
    const [one, other] = [createLocks(database.url).service, createLocks(database.url).service];
    const before = await one.diagnose();
    const names = Array.from({ length: 500 }, (_, number) => `order:${number}`);
    const held = await one.acquire(names);
    const waiting = other.acquire('order:1', { waitMs: Infinity });
    await until(async () => (await other.diagnose()).connections.open === 2, 'it waits on a connection more');
    const used = (await one.diagnose()).lockTable?.used ?? 0;
    expect(used - (before.lockTable?.used ?? Infinity)).toBeGreaterThanOrEqual(400);
    await held.release();
    await (await waiting).release();
  });

  it('finds the configured pooler, and leaves no connection open through it', async () => {
    const { service } = createLocks(database.url, { pooler: 'transaction' });
    expect(await service.diagnose()).toMatchObject({ isHealthy: true, pooler: 'transaction' });
    const open = await database.query(
      `SELECT FROM pg_stat_activity WHERE datname = $1 AND state = 'idle in transaction'`,
      [database.name],
    );
    expect(open).toEqual([]);
  });

  it('is true while a lock is held, and does not disturb it', async () => {
    const { service } = createLocks(database.url);
    await using lock = await service.acquire('import');
    expect(await service.diagnose()).toMatchObject({ isHealthy: true });
    lock.assertHeld();
    expect(await database.advisoryLocks()).toHaveLength(1);
  });
});

describe('the diagnosis', () => {
  it('reports UNREACHABLE without a server, and recovers when there is one', async () => {
    const port = await freePort();
    let url = `postgres://nobody:nothing@127.0.0.1:${port}/nothing`;
    const { service } = createLocks({
      type: 'postgres',
      get url() {
        return url;
      },
    });
    expect(await service.diagnose()).toEqual({
      isHealthy: false,
      problems: [problem('UNREACHABLE', 'ECONNREFUSED')],
      connections: { open: 0, allowed: 4 },
    });
    ({ url } = database);
    expect(await service.diagnose()).toMatchObject({ isHealthy: true });
  });

  it('reports UNREACHABLE when the server refuses it', async () => {
    const url = new URL(database.url);
    url.pathname = '/missing';
    expect(await createLocks(url.href).service.diagnose()).toMatchObject({
      isHealthy: false,
      problems: [problem('UNREACHABLE', '"missing" does not exist')],
    });
  });

  it.each([
    { shiftMs: -60_000, direction: 'ahead of' },
    { shiftMs: 60_000, direction: 'behind' },
  ])('says CLOCK when the server is $direction this process', async ({ shiftMs, direction }) => {
    shiftClock(shiftMs);
    const { isHealthy, problems, clock } = await createLocks(database.url).service.diagnose();
    expect(isHealthy).toBe(false);
    expect(problems).toEqual([problem('CLOCK', direction, 'NTP')]);
    const { aheadMs = NaN, uncertaintyMs = NaN } = clock ?? {};
    expect(Math.abs(aheadMs + shiftMs)).toBeLessThanOrEqual(uncertaintyMs + 1_000);
  });

  it('does not mind a second between the clocks', async () => {
    shiftClock(-1_000);
    const { clock, problems } = await createLocks(database.url).service.diagnose();
    expect(clock?.aheadMs).toBeGreaterThan(0);
    expect(problems).toEqual([]);
  });
});

describe('the diagnosis of a small server', () => {
  let url: string;
  beforeAll(async () => {
    // 100 locks or a little more, and 7 connections for others than administrators.
    ({ url } = await startServer(['-c', 'max_locks_per_transaction=10', '-c', 'max_connections=10']));
  });

  it('reports LOCK_TABLE when that is nearly full', async () => {
    const { service } = createLocks(url);
    expect(await service.diagnose()).toMatchObject({ isHealthy: true, lockTable: { capacity: 100 } });
    const other = await connect(url);
    await other.query('SELECT pg_advisory_lock(n) FROM generate_series(1, 95) AS n');
    const { problems, lockTable } = await service.diagnose();
    expect(problems).toEqual([problem('LOCK_TABLE', 'max_locks_per_transaction')]);
    expect(lockTable?.used).toBeGreaterThanOrEqual(95);
    expect(lockTable?.free).toBeLessThanOrEqual(5);
    await other.query('SELECT pg_advisory_unlock_all()');
    expect(await service.diagnose()).toMatchObject({ isHealthy: true });
  });

  it('reports SERVER_CONNECTIONS when they are nearly all taken', async () => {
    const { service } = createLocks(url);
    expect(await service.diagnose()).toMatchObject({ connections: { serverAllowed: 7 }, problems: [] });
    for (let count = 1; count <= 6; count += 1) await connect(url);
    expect(await service.diagnose()).toMatchObject({
      isHealthy: false,
      problems: [problem('SERVER_CONNECTIONS', '7 of the 7', 'max_connections')],
      connections: { serverOpen: 7 },
    });
  });

  it('reports SETTING when the operating system of the server lacks one', async () => {
    const client = await connect(url);
    await client.query('CREATE DATABASE without_user_timeout TEMPLATE template0');
    const without = new URL(url);
    without.pathname = '/without_user_timeout';
    await alterCatalog(without.href, [
      `set_config_really(text, text, boolean) RETURNS text LANGUAGE internal AS 'set_config_by_name'`,
      `set_config(text, text, boolean) RETURNS text LANGUAGE sql AS
        'SELECT pg_catalog.set_config_really($1,
          CASE $1 WHEN ''tcp_user_timeout'' THEN ''0'' ELSE $2 END, $3)'`,
    ]);
    expect(await createLocks(without.href).service.diagnose()).toMatchObject({
      isHealthy: false,
      problems: [problem('SETTING', 'tcp_user_timeout', 'must be 10000, received 0')],
    });
  });
});
