import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { AdvisoryLockInspector } from '../../lib/nest/advisory-lock-inspector.js';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import { defer } from '../support/cleanup.js';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { until } from '../support/until.js';
import { startPrimary } from './support/postgres-cluster.js';
import type { PostgresNode } from './support/postgres-node.js';
import { startPgBouncer } from './support/pgbouncer.js';
import { describeWith } from './support/describe-with.js';
import { closeAfterTest } from './support/close-after-test.js';

let server: PostgresNode;
let admin: pg.Client;

beforeAll(async () => {
  server = await closeAfterTest(startPrimary());
  admin = new pg.Client({ connectionString: server.url });
  // The server ends before the last hook.
  admin.on('error', () => undefined);
  await admin.connect();
});

afterAll(() => admin.end());

/** What is new in the log of the server after the work. */
async function loggedDuring(work: () => Promise<void>): Promise<string> {
  const { length } = server.log;
  await work();
  return server.log.slice(length);
}

const waiting = async (): Promise<number> => {
  const { rows } = await admin.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
  return rows.length;
};

/** Fails, rather than waits for as long as the lock is held. */
async function buildIndex(): Promise<void> {
  await admin.query('CREATE TABLE IF NOT EXISTS busy AS SELECT 1 AS id');
  await admin.query(`SET statement_timeout = '10s'`);
  await admin.query('CREATE INDEX CONCURRENTLY ON busy (id)');
  await admin.query('RESET statement_timeout');
}

const locksOf = (url: string, dataSource?: DataSource): AdvisoryLockService =>
  createLocks(url, {}, dataSource).service;

function inspectorOf(url: string) {
  return { inspector: new AdvisoryLockInspector(createLocks(url).service) };
}

describe('a wait', () => {
  it('keeps no index from being built concurrently, whatever it is for', async () => {
    const holder = locksOf(server.url);
    await using one = await holder.acquire(['import', 'feed']);
    await using reader = await holder.acquire('report', { mode: 'shared' });
    await using permit = await holder.acquire('mail', { permits: 1 });
    const ended = new AbortController();
    const options = { waitMs: 60_000, signal: ended.signal };
    const waits = [0, 1, 2].flatMap(() => {
      const service = locksOf(server.url);
      return [
        service.acquire('import', options),
        service.acquire('report', options),
        service.acquire('mail', { ...options, permits: 1 }),
      ];
    });
    await using candidate = locksOf(server.url).lead('feed', () => undefined);
    await until(async () => (await waiting()) >= 10, 'all wait');

    await buildIndex();

    expect([candidate.isLeader, one.isHeld, reader.isHeld, permit.isHeld]).toEqual([false, true, true, true]);
    ended.abort(new Error('enough'));
    for (const wait of waits) await expect(wait).rejects.toThrow('enough');
  });

  it('writes nothing into the log of the server, however it ends', async () => {
    const dataSource = await openDataSource(server.url);
    const holder = locksOf(server.url);
    const [one, other] = [locksOf(server.url, dataSource), locksOf(server.url)];
    const outcomes = { timeouts: 0, aborts: 0, refused: 0, grants: 0 };
    const logged = await loggedDuring(async () => {
      let lock = await holder.acquire('import');
      for (let round = 0; round < 100; round += 1) {
        const waitMs = 1 + Math.random() * 8;
        const signal = AbortSignal.timeout(Math.ceil(Math.random() * 8));
        const inTransaction = dataSource.transaction((manager) =>
          one.tryLockInTransaction(manager, 'import', { waitMs }),
        );
        outcomes.timeouts += (await one.tryAcquire('import', { waitMs })) === undefined ? 1 : 0;
        outcomes.refused += (await inTransaction) ? 0 : 1;
        await other.acquire('import', { waitMs: 60_000, signal }).catch(() => (outcomes.aborts += 1));
        // In the very moment of the grant.
        const next = other.tryAcquire('import', { waitMs: 3 });
        await sleep(Math.random() * 3);
        await lock.release();
        outcomes.grants += (await (await next)?.release(), 1);
        lock = await holder.acquire('import', { waitMs: 60_000 });
      }
      await lock.release();
      await using leader = holder.lead('feed', () => undefined);
      await until(() => leader.isLeader, 'one leads');
      const candidates = [one, other].map((service) => service.lead('feed', () => undefined));
      await until(async () => (await waiting()) === 2, 'two campaign');
      // Longer than a turn in the queue.
      await sleep(1_200);
      const { inspector } = inspectorOf(server.url);
      const waitingMs = (await inspector.list({ isGranted: false })).map((lock) => lock.waitingMs ?? 0);
      expect(waitingMs.map((ms) => ms > 1_000)).toEqual([true, true]);
      for (const candidate of candidates) await candidate.stop();
    });
    expect(logged).toBe('');
    expect(outcomes).toEqual({ timeouts: 100, aborts: 100, refused: 100, grants: 100 });
  });
});

describe('a wait of a role that may not use PL/pgSQL', () => {
  it('tries again and again', async () => {
    await admin.query(
      "CREATE ROLE plain LOGIN PASSWORD 'plain'; REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
    );
    defer(() => admin.query('GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC; DROP ROLE plain'));
    const url = new URL(server.url);
    url.username = url.password = 'plain';
    const [holder, one] = [locksOf(url.href), locksOf(url.href)];
    const lock = await holder.acquire('import');
    expect(await one.tryAcquire('import', { waitMs: 50 })).toBeUndefined();
    const next = one.acquire('import', { waitMs: 60_000 });
    await lock.release();
    await (await next).release();
  });
});

describeWith('pgbouncer', 'a wait through a transaction pooler', () => {
  it('keeps no index from being built concurrently, and writes nothing into the log', async () => {
    const pooler = await closeAfterTest(startPgBouncer(server.url, { mode: 'transaction' }));
    const holder = locksOf(server.url);
    const one = locksOf(pooler.url);
    await using lock = await holder.acquire('import');
    const logged = await loggedDuring(async () => {
      const wait = one.tryAcquire('import', { waitMs: 2_000 });
      await until(async () => (await waiting()) === 1, 'it waits');
      await buildIndex();
      expect(lock.isHeld).toBe(true);
      expect(await wait).toBeUndefined();
    });
    expect(logged).toBe('');
  });
});
