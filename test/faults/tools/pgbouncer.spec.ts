import { expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import pg from 'pg';
import { withClient } from '../../support/admin.js';
import { defer } from '../../support/cleanup.js';
import { isRunning } from '../../support/is-running.js';
import { startWorker } from '../../support/processes.js';
import { useTestDatabase } from '../../support/test-database.js';
import { until } from '../../support/until.js';
import { closeAfterTest } from '../support/close-after-test.js';
import { describeWith } from '../support/describe-with.js';
import { startPgBouncer } from '../support/pgbouncer.js';

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  defer(() => client.end());
  return client;
}

const tryLock = async (client: pg.Client, key: number): Promise<unknown> => {
  const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
    key,
  ]);
  return rows[0]?.locked;
};
const backendPid = async (client: pg.Client): Promise<number | undefined> => {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid;
};
const processId = (client: pg.Client) => (client as unknown as { processID: number }).processID;

describeWith('pgbouncer', 'PgBouncer', () => {
  const database = useTestDatabase();
  const start = (options: Parameters<typeof startPgBouncer>[1]) =>
    closeAfterTest(startPgBouncer(database.url, options));

  it('leads to the database of the URL', async () => {
    const bouncer = await start({ mode: 'transaction' });
    await withClient(bouncer.url, async (client) => {
      const { rows } = await client.query('SELECT current_database() AS name');
      expect(rows).toEqual([{ name: database.name }]);
    });
    expect(await bouncer.show('DATABASES')).toContainEqual(
      expect.objectContaining({ name: database.name, pool_size: 5 }),
    );
  });

  it('has the mode and the settings that it was given', async () => {
    const bouncer = await start({ mode: 'session', poolSize: 2, settings: { query_wait_timeout: 7 } });
    const settings = await bouncer.show<{ key: string; value: string }>('CONFIG');
    const value = (name: string) => settings.find(({ key }) => key === name)?.value;
    expect([value('pool_mode'), value('default_pool_size'), value('query_wait_timeout')]).toEqual([
      'session',
      '2',
      '7',
    ]);
  });

  it.each(['restart', 'kill'] as const)(
    'drops its clients on %s, and starts again on its port',
    async (how) => {
      const bouncer = await start({ mode: 'transaction' });
      const client = await connect(bouncer.url);
      const ended = new Promise((resolve) => client.once('end', resolve));
      await bouncer[how]();
      await ended;
      if (how === 'kill') {
        await expect(connect(bouncer.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
        await bouncer.start();
      }
      expect(await backendPid(await connect(bouncer.url))).toEqual(expect.any(Number));
    },
  );

  it('ends with the process that started it, and leaves no folder', async () => {
    const owner = startWorker(new URL('./workers/pgbouncer-owner.ts', import.meta.url), {
      args: [database.url],
    });
    const { pid, folder } = await owner.message<{ pid: number; folder: string }>(() => true);
    expect(isRunning(pid)).toBe(true);
    owner.kill('SIGKILL');
    await until(() => !isRunning(pid), 'PgBouncer is gone');
    await until(() => !existsSync(folder), 'its folder is gone');
  });

  it.each(['transaction', 'session'] as const)('shows in the backend id, in %s mode', async (mode) => {
    const client = await connect((await start({ mode })).url);
    expect(processId(client)).not.toBe(await backendPid(client));
    const direct = await connect(database.url);
    expect(processId(direct)).toBe(await backendPid(direct));
  });

  it('grants a session lock twice in transaction mode, and keeps it when both have left', async () => {
    const bouncer = await start({ mode: 'transaction' });
    const one = await connect(bouncer.url);
    const other = await connect(bouncer.url);
    expect(await tryLock(one, 1)).toBe(true);
    expect(await tryLock(other, 1)).toBe(true);
    await Promise.all([one.end(), other.end()]);
    expect(await database.advisoryLocks()).toHaveLength(1);
  });

  it('refuses it to the other inside an open transaction, and frees it with the socket', async () => {
    const bouncer = await start({ mode: 'transaction' });
    const one = await connect(bouncer.url);
    const other = await connect(bouncer.url);
    await one.query('BEGIN');
    await other.query('BEGIN');
    expect(await tryLock(one, 2)).toBe(true);
    expect(await tryLock(other, 2)).toBe(false);
    const idle = await database.query(
      `SELECT backend_xid AS xid, backend_xmin AS xmin FROM pg_stat_activity WHERE pid = $1`,
      [await backendPid(one)],
    );
    expect(idle).toEqual([{ xid: null, xmin: null }]);

    (one as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await until(async () => (await tryLock(other, 2)) === true, 'the lock is free');
    await other.query('SELECT pg_advisory_unlock(2)');
  });

  it('excludes in session mode', async () => {
    const bouncer = await start({ mode: 'session' });
    const one = await connect(bouncer.url);
    const other = await connect(bouncer.url);
    expect(await tryLock(one, 3)).toBe(true);
    expect(await tryLock(other, 3)).toBe(false);
    await one.end();
    await until(async () => (await tryLock(other, 3)) === true, 'the lock is free');
  });

  it('leaks SET into other clients in transaction mode, but not SET LOCAL', async () => {
    const bouncer = await start({ mode: 'transaction' });
    const one = await connect(bouncer.url);
    const other = await connect(bouncer.url);
    const timeout = async () => (await other.query<{ lock_timeout: string }>('SHOW lock_timeout')).rows[0];
    await one.query(`BEGIN; SET LOCAL lock_timeout = '7s'; COMMIT`);
    expect(await timeout()).toEqual({ lock_timeout: '0' });
    await one.query(`SET lock_timeout = '7s'`);
    expect(await timeout()).toEqual({ lock_timeout: '7s' });
  });
});
