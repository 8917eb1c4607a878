import { expect } from '@jest/globals';
import { once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import type { AdvisoryLockModuleOptions } from '../../lib/index.js';
import { OrderedApp } from '../e2e/support/ordered-app.js';
import { withClient } from '../support/admin.js';
import { defer } from '../support/cleanup.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { testsTogether } from '../support/tests-together.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { freeze } from './support/freeze.js';
import { type PgBouncer, type PgBouncerOptions, startPgBouncer } from './support/pgbouncer.js';
import { nothingPinned } from './support/pooled.js';

const { database, it } = testsTogether({ atOnce: 4 });
const quick = { heartbeatMs: 200, lostAfterMs: 1_000 };

const start = (options: Partial<PgBouncerOptions> = {}): Promise<PgBouncer> =>
  closeAfterTest(startPgBouncer(database.url, { mode: 'transaction', ...options }));
const through = ({ url }: PgBouncer, options: LocksOptions = {}): AdvisoryLockService =>
  createLocks(url, options).service;

/** A client of the pooler that takes a server connection, and keeps it until it is released. */
async function occupy({ url }: PgBouncer): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  defer(() => client.end());
  await client.query('BEGIN');
  return async () => {
    await client.query('COMMIT');
  };
}

/** Another process, which holds a lock until it loses it. */
async function holderOf(
  name: string,
  { url }: PgBouncer,
  options: AdvisoryLockModuleOptions = {},
): Promise<OrderedApp> {
  const app = await OrderedApp.start(url, options);
  await app.hold(name, true);
  return app;
}

const queued = async (): Promise<number> =>
  (await database.advisoryLocks()).filter(({ granted }) => !granted).length;

describeWith('pgbouncer', 'when a pooler fails', () => {
  it('frees the lock of a process that is killed', async () => {
    const bouncer = await start();
    const { worker: holder } = await holderOf('import', bouncer);
    const service = through(bouncer);
    expect(await service.tryAcquire('import')).toBeUndefined();
    const waiting = service.acquire('import', { waitMs: Infinity });
    await until(async () => (await queued()) === 1, 'a client waits for it');
    holder.kill('SIGKILL');
    await (await waiting).release();
    await nothingPinned(database);
  });

  for (const mode of ['transaction', 'session'] as const)
    it(`notifies all when a pooler in ${mode} mode is killed, and goes on when it is back`, async () => {
      const bouncer = await start({ mode });
      const service = through(bouncer, quick);
      const idle = through(bouncer, quick);
      await (await idle.acquire('nothing')).release();
      await using blocker = await createLocks(database.url).service.acquire('busy');
      const lock = await service.acquire('import');
      const loss = once(lock.signal, 'abort');
      const waiting = service.acquire('busy', { waitMs: Infinity });
      await until(async () => (await queued()) === 1, 'it waits');
      const refusal = expect(waiting).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
      await bouncer.kill();
      await Promise.all([loss, refusal]);
      expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
      await expect(idle.tryAcquire('nothing')).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
      await bouncer.start();
      const next = service.acquire('busy', { waitMs: Infinity });
      await until(async () => (await queued()) === 1, 'it waits again');
      await blocker.release();
      await (await next).release();
      for (const each of [service, idle]) await (await each.acquire('import', { waitMs: 10_000 })).release();
    });

  it('gives up when the pool is exhausted, and goes on when it is not any more', async () => {
    const bouncer = await start({ poolSize: 1 });
    const service = through(bouncer, quick);
    const newcomer = through(bouncer, { ...quick, connectionOptions: { connectTimeoutMS: 3_000 } });
    await (await service.acquire('import')).release();
    const letGo = await occupy(bouncer);
    for (const each of [service, newcomer]) {
      await expect(each.tryAcquire('import')).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    }
    await letGo();
    for (const each of [service, newcomer])
      await (await each.acquire('import', { waitMs: 10_000 })).release();
  });

  it('gives up when the pooler refuses to wait for a server connection', async () => {
    const bouncer = await start({ poolSize: 1, settings: { query_wait_timeout: 1 } });
    const service = through(bouncer);
    await (await service.acquire('import')).release();
    const letGo = await occupy(bouncer);
    const refusal = service.tryAcquire('import');
    await expect(refusal).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    await expect(refusal).rejects.toThrow('query_wait_timeout');
    await letGo();
    await (await service.acquire('import', { waitMs: 10_000 })).release();
  });

  it('keeps what was waited for while others take the rest of the pool', async () => {
    const bouncer = await start({ poolSize: 2 });
    const service = through(bouncer, quick);
    const blocker = await createLocks(database.url).service.acquire('import');
    const waiting = service.acquire('import', { waitMs: Infinity });
    await until(async () => (await queued()) === 1, 'it waits');
    await blocker.release();
    const lock = await waiting;
    const letGo = await occupy(bouncer);
    await expect(service.tryAcquire('another')).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    expect(lock.isHeld).toBe(true);
    await letGo();
    await lock.release();
  });

  it('notifies the holder whose connection the pooler ends for a long transaction', async () => {
    const bouncer = await start({ settings: { idle_transaction_timeout: 1 } });
    const service = through(bouncer, { heartbeatMs: 10_000, lostAfterMs: 20_000 });
    const lock = await service.acquire('import');
    await once(lock.signal, 'abort');
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
    await (await service.acquire('import', { waitMs: 10_000 })).release();
  });

  it('is not disturbed by a pooler that renews its connections all the time', async () => {
    const bouncer = await start({
      settings: { server_idle_timeout: 1, server_lifetime: 1, server_check_delay: 0 },
    });
    const service = through(bouncer, quick);
    await using lasting = await service.acquire('lasting');
    const backendPid = (): Promise<unknown> =>
      withClient(
        bouncer.url,
        async (client) => (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows,
      );
    const before = await backendPid();
    const isRenewed = async (): Promise<boolean> => {
      await service.withLock('short', () => undefined);
      return !isDeepStrictEqual(await backendPid(), before);
    };
    await until(isRenewed, 'the pooler has renewed a connection');
    await service.withLock('short', () => undefined);
    expect(lasting.isHeld).toBe(true);
  });

  it('ends a holder that freezes, and no other', async () => {
    const bouncer = await start();
    const options = { ...quick, frozenAfterMs: 3_000 };
    const lively = through(bouncer, options);
    await using kept = await lively.acquire('kept');
    const holder = await holderOf('import', bouncer, options);
    const frozen = await closeAfterTest(freeze(holder.worker.pid));
    await (await lively.acquire('import', { waitMs: 20_000 })).release();
    expect(kept.isHeld).toBe(true);
    frozen.thaw();
    await holder.says({ type: 'lost', name: 'import' });
  });
});
