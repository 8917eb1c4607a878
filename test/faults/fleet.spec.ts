import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { AdvisoryLockInspector } from '../../lib/nest/advisory-lock-inspector.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { startServer, useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { freeze } from './support/freeze.js';
import { startHolder } from './support/holder-process.js';
import { startPgBouncer } from './support/pgbouncer.js';

const database = useTestDatabase();

const withinMs = 30_000;

async function asker(url = database.url, instanceName = 'asker') {
  const locks = createLocks(url, { instanceName });
  const inspector = new AdvisoryLockInspector(locks.service);
  await inspector.list();
  return { ...locks, inspector };
}

describe('a frozen instance', () => {
  it('delays the others once, for no longer than they allow, and is included when it goes on', async () => {
    const { inspector } = await asker();
    const [frozen, other] = await Promise.all(
      ['frozen', 'other'].map(async (instanceName) => {
        const holder = await startHolder(database.url, { instanceName });
        defer(async () => {
          holder.worker.kill();
          await holder.worker.exited;
        });
        await holder.ask({ acquire: `lock of ${instanceName}` });
        return holder;
      }),
    );
    const all = await inspector.fleet({ withinMs });
    expect(all.reports.map(({ instance }) => instance).sort()).toEqual(['asker', 'frozen', 'other']);
    const state = await freeze(frozen?.pid ?? NaN);
    defer(() => state.close());

    const first = await inspector.fleet({ withinMs: 1_000 });
    expect(first.silent).toEqual([{ pid: expect.any(Number), instance: 'frozen' }]);
    expect(first.reports.map(({ instance }) => instance)).toEqual(['asker', 'other']);
    // Waiting for it again would take long. Its name is remembered, but not since when it holds the lock.
    const second = await inspector.fleet({ withinMs });
    expect(second.silent).toEqual(first.silent);
    const lock = second.locks.find(({ instance }) => instance === 'frozen');
    expect(lock).toMatchObject({ name: 'lock of frozen', isGranted: true });
    expect(lock).not.toHaveProperty('heldMs');

    state.thaw();
    await until(
      async () => (await inspector.fleet({ withinMs: 200 })).silent.length === 0,
      'it replies again',
    );
    expect(other?.worker.output).toBe('');
  });

  it('keeps no lease by being asked', async () => {
    const { inspector } = await asker();
    const holder = await startHolder(database.url, {
      instanceName: 'frozen',
      heartbeatMs: 200,
      lostAfterMs: 800,
      frozenAfterMs: 1_500,
    });
    defer(async () => {
      holder.worker.kill();
      await holder.worker.exited;
    });
    await holder.ask({ acquire: 'import' });
    const state = await freeze(holder.pid);
    defer(() => state.close());
    await until(async () => {
      const { locks, isAsked } = await inspector.fleet({ withinMs: 20 });
      expect(isAsked).toBe(true);
      return locks.length === 0;
    }, 'the server has freed its lock');
  });
});

describe('through PgBouncer in transaction mode', () => {
  it('the owner of a lock is known, but no other instance is queried, and own names are shown', async () => {
    const bouncer = await startPgBouncer(database.url, { mode: 'transaction' });
    defer(() => bouncer.close());
    const direct = await asker(database.url, 'direct');
    const pooled = await asker(bouncer.url, 'pooled');
    const [one, other] = [
      await pooled.service.acquire('lock of pooled'),
      await direct.service.acquire('lock of direct'),
    ];
    defer(() => Promise.all([one.release(), other.release()]));
    const seen = await pooled.inspector.fleet({ withinMs });
    expect(seen.isAsked).toBe(false);
    expect(seen.reports).toMatchObject([{ instance: 'pooled', locks: [{ name: 'lock of pooled' }] }]);
    expect(seen.locks.map(({ instance }) => instance).sort()).toEqual(['direct', 'pooled']);
    expect(seen.locks.find(({ instance }) => instance === 'pooled')).toMatchObject({
      name: 'lock of pooled',
      heldMs: expect.any(Number),
    });
    expect(seen.silent.map(({ instance }) => instance)).toContain('direct');
    expect(await direct.inspector.list({ fleetWithinMs: 200 })).toMatchObject([
      { instance: expect.stringMatching(/direct|pooled/) },
      { instance: expect.stringMatching(/direct|pooled/) },
    ]);
  });
});

describe('a commit of the application that waits for its standby with a notification', () => {
  it('takes no lock away, and hides none', async () => {
    const { url } = await startServer(['-c', 'synchronous_standby_names=missing']);
    const [one, other] = [await asker(url, 'one'), await asker(url, 'other')];
    await using lock = await one.service.acquire('import');
    // What is asked waits for no standby itself.
    expect(await other.inspector.fleet({ withinMs })).toMatchObject({
      isAsked: true,
      locks: [{ name: 'import', instance: 'one', heldMs: expect.any(Number) }],
    });
    const application = new pg.Client({ connectionString: url });
    await application.connect();
    application.on('error', () => undefined);
    defer(() => application.end());
    await application.query('SET synchronous_commit = local');
    await application.query('CREATE TABLE orders (id int)');
    const committing = application
      .query('SET synchronous_commit = on; INSERT INTO orders VALUES (1); NOTIFY orders')
      .catch(() => undefined);
    const waits = { text: `SELECT wait_event FROM pg_stat_activity WHERE wait_event = 'SyncRep'` };
    await until(async () => (await one.engine.server.query(waits)).length === 1, 'it waits for the standby');

    expect(await other.inspector.fleet({ withinMs })).toMatchObject({
      isAsked: false,
      locks: [{ name: 'import', instance: 'one' }],
    });
    lock.assertHeld();
    await one.service.withLock('another', () => undefined);
    await other.engine.server.query({
      text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
    });
    await committing;
  });
});
