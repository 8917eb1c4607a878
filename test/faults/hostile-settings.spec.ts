import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvisoryLockService } from '../../lib/advisory-lock.service.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { openDataSource } from '../support/data-source.js';
import { until } from '../support/until.js';
import { withClient } from '../support/admin.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { createHostileRole, HOSTILE_SETTINGS } from './support/hostile-role.js';
import { type PgBouncer, startPgBouncer } from './support/pgbouncer.js';

const database = useTestDatabase();

/** Longer than every one of the hostile times. */
const LONGER_MS = 1_500;

const hostileUrl = async (): Promise<string> => (await closeAfterTest(createHostileRole(database.url))).url;

/** Two instances; the heartbeat is so slow that it keeps nothing from being idle. */
function instances(url: string): [AdvisoryLockService, AdvisoryLockService] {
  const times = { heartbeatMs: 60_000, lostAfterMs: 120_000 };
  return [createLocks(url, times).service, createLocks(url, times).service];
}

async function outlastsAllTimeouts(url: string): Promise<void> {
  const [one, other] = instances(url);
  const held = await one.acquire('import');
  const reader = await one.acquire('config', { mode: 'shared' });
  const token = await held.fencingToken();
  const waiting = other.acquire('import', { waitMs: Infinity });
  await until(async () => (await database.advisoryLocks()).some(({ granted }) => !granted), 'it waits');
  const pids = (await database.advisoryLocks()).map(({ pid }) => pid).sort();

  await sleep(LONGER_MS);

  for (const lock of [held, reader]) lock.assertHeld();
  expect((await database.advisoryLocks()).map(({ pid }) => pid).sort()).toEqual(pids);
  const later = await held.fencingToken();
  expect(later).toBeGreaterThan(token);
  await Promise.all([held.release(), reader.release()]);
  const next = await waiting;
  expect(await next.fencingToken()).toBeGreaterThan(later);
  await next.release();
  expect(await database.advisoryLocks()).toEqual([]);
}

async function waitsForAsLongAsItIsTold(url: string): Promise<void> {
  const [one, other] = instances(url);
  const held = await one.acquire('import');
  // Longer than statement_timeout and lock_timeout of the role.
  await expect(other.acquire('import', { waitMs: 300 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
  await held.release();
}

async function locksTransactions(url: string): Promise<void> {
  const dataSource = await openDataSource(url);
  const { service } = createLocks(url, {}, dataSource);
  const [one] = instances(url);
  const held = await one.acquire('order:1');
  const body = () => dataSource.query(`SELECT current_setting('transaction_isolation') AS level`);
  await expect(service.withTransactionLock('order:1', body, { waitMs: 200 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
  await held.release();
}

describe('a role with hostile settings', () => {
  it('keeps nobody from holding, waiting and fencing for longer than they allow', async () => {
    await outlastsAllTimeouts(await hostileUrl());
  });

  it('does not end a wait before its time', async () => {
    await waitsForAsLongAsItIsTold(await hostileUrl());
  });
});
