import { beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import pg from 'pg';
import { withClient } from '../../support/admin.js';
import { defer } from '../../support/cleanup.js';
import { isRunning } from '../../support/is-running.js';
import { startWorker } from '../../support/processes.js';
import { until } from '../../support/until.js';
import { closeAfterTest } from '../support/close-after-test.js';
import { freeze } from '../support/freeze.js';
import { type PostgresNode } from '../support/postgres-node.js';
import { catchUp, startPrimary, startStandby } from '../support/postgres-cluster.js';

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  defer(() => client.end());
  return client;
}

async function ask(client: pg.Client, expression: string): Promise<unknown> {
  return (await client.query<{ value: unknown }>(`SELECT ${expression} AS value`)).rows[0]?.value;
}

const evaluateOn = (url: string, expression: string) => withClient(url, (client) => ask(client, expression));

describe('a server that can break', () => {
  let server: PostgresNode;
  beforeAll(async () => {
    server = await closeAfterTest(startPrimary({ flags: ['-c', 'max_connections=7'] }));
  });

  it('crashes, and starts again on its port with its data, but without the locks', async () => {
    const client = await connect(server.url);
    await client.query('CREATE TABLE kept AS SELECT 1');
    expect(await ask(client, 'pg_try_advisory_lock(1)')).toBe(true);
    const ended = new Promise((resolve) => client.once('end', resolve));
    const { pid } = server;

    await server.crash();
    await ended;
    expect(isRunning(pid)).toBe(false);
    await expect(connect(server.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });

    await server.start();
    const back = await connect(server.url);
    expect(await ask(back, 'pg_try_advisory_lock(1)')).toBe(true);
    expect(await ask(back, `current_setting('max_connections')`)).toBe('7');
    expect(await ask(back, `(SELECT count(*)::int FROM kept)`)).toBe(1);
  });

  it('stops and starts in good order', async () => {
    const client = await connect(server.url);
    const error = new Promise((resolve) => client.once('error', resolve));
    await server.restart();
    expect(await error).toMatchObject({ code: '57P01' });
    expect(await evaluateOn(server.url, '1')).toBe(1);
    expect(await evaluateOn(server.socketUrl, '2')).toBe(2);
  });

  it('keeps the lock of a frozen backend, although its end is said to be under way', async () => {
    const holder = await connect(server.url);
    const other = await connect(server.url);
    await ask(holder, 'pg_advisory_lock(1)');
    const frozen = await closeAfterTest(freeze(Number(await ask(holder, 'pg_backend_pid()'))));
    expect(
      await ask(other, `(SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory')`),
    ).toBe(true);
    expect(await ask(other, 'pg_try_advisory_lock(1)')).toBe(false);
    frozen.thaw();
    await until(async () => (await ask(other, 'pg_try_advisory_lock(1)')) === true, 'the lock is free');
  });

  it('ends with the process that started it, and leaves no folder', async () => {
    const owner = startWorker(new URL('./workers/postgres-owner.ts', import.meta.url));
    const { pid, backend, folder } = await owner.message<{ pid: number; backend: number; folder: string }>(
      () => true,
    );
    expect([isRunning(pid), isRunning(backend)]).toEqual([true, true]);
    owner.kill('SIGKILL');
    await until(() => !isRunning(pid) && !isRunning(backend), 'the server and its frozen backend are gone');
    await until(() => !existsSync(folder), 'its folder is gone');
  });
});

describe('a hot standby', () => {
  let primary: PostgresNode;
  let standby: PostgresNode;
  beforeAll(async () => {
    primary = await closeAfterTest(startPrimary());
    standby = await closeAfterTest(startStandby(primary));
  });

  it('crashes, and starts again as a standby that follows', async () => {
    await standby.crash();
    await withClient(primary.url, (client) => client.query('CREATE TABLE meanwhile AS SELECT 42 AS number'));
    await standby.start();
    await catchUp(primary, standby);
    expect(await evaluateOn(standby.url, '(SELECT number FROM meanwhile)')).toBe(42);
  });

  it('grants the keys that are locked on its primary, and takes over', async () => {
    const onPrimary = await connect(primary.url);
    const onStandby = await connect(standby.url);
    expect(await ask(onPrimary, 'pg_is_in_recovery()')).toBe(false);
    expect(await ask(onStandby, 'pg_is_in_recovery()')).toBe(true);
    expect(await ask(onPrimary, 'pg_try_advisory_lock(7)')).toBe(true);
    expect(await ask(onStandby, 'pg_try_advisory_lock(7)')).toBe(true);
    await expect(ask(onStandby, 'pg_current_xact_id()')).rejects.toMatchObject({ code: '25006' });

    await primary.crash();
    await standby.promote();
    // The session and its lock outlive the promotion.
    expect(await ask(onStandby, 'pg_is_in_recovery()')).toBe(false);
    expect(await ask(onStandby, 'pg_current_xact_id()::text')).toEqual(expect.any(String));
    expect(await evaluateOn(standby.url, 'pg_try_advisory_lock(7)')).toBe(false);
  });
});
