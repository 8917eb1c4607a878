import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import { withClient } from '../support/admin.js';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { createHostileRole } from './support/hostile-role.js';
import { startPgBouncer } from './support/pgbouncer.js';

const database = useTestDatabase();

/** Longer than every one of the hostile times. */
const LONGER_MS = 1_500;

const hostileUrl = async (): Promise<string> => (await closeAfterTest(createHostileRole(database.url))).url;
const hostileUrlThroughPgBouncer = async (): Promise<string> =>
  (await closeAfterTest(startPgBouncer(await hostileUrl(), { mode: 'transaction' }))).url;

/** The heartbeat is so slow that it does not keep a session from being idle. */
function createInstance(url: string): AdvisoryLockService {
  return createLocks(url, { heartbeatMs: 60_000, lostAfterMs: 120_000 }).service;
}

async function outlastsTheTimeouts(url: string): Promise<void> {
  const [one, other] = [createInstance(url), createInstance(url)];
  const held = await one.acquire('import');
  const reader = await one.acquire('config', { mode: 'shared' });
  const token = await held.fencingToken();
  const waiting = other.acquire('import', { waitMs: Infinity });
  await until(async () => (await database.advisoryLocks()).some(({ granted }) => !granted), 'it waits');
  // Through a pooler, a wait has another backend in each turn.
  const granted = async () => (await database.advisoryLocks()).filter((lock) => lock.granted);
  const before = await granted();

  await sleep(LONGER_MS);

  expect(new Set(await granted())).toEqual(new Set(before));
  expect([held.isHeld, reader.isHeld]).toEqual([true, true]);
  const later = await held.fencingToken();
  expect(later > token).toBe(true);
  await Promise.all([held.release(), reader.release()]);
  const next = await waiting;
  expect((await next.fencingToken()) > later).toBe(true);
  await next.release();
  expect(await database.advisoryLocks()).toEqual([]);
}

/** `lock_timeout` and `statement_timeout` of the role are shorter. */
async function waitsUntilItsOwnTimeIsOver(url: string): Promise<void> {
  const [one, other] = [createInstance(url), createInstance(url)];
  await using held = await one.acquire('import');
  const before = performance.now();
  await expect(other.acquire('import', { waitMs: 400 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
  expect(performance.now() - before).toBeGreaterThan(390);
  held.assertHeld();
}

describe.each([
  { way: 'directly', url: hostileUrl, describe },
  {
    way: 'through PgBouncer',
    url: hostileUrlThroughPgBouncer,
    describe: (title: string, body: () => void) => {
      describeWith('pgbouncer', title, body);
    },
  },
])('under a role with hostile settings', ({ way, url, describe }) => {
  describe(way, () => {
    it('locks are held, waited for and fenced for longer than it allows', async () => {
      await outlastsTheTimeouts(await url());
    });

    it('a wait ends when its own time is over', async () => {
      await waitsUntilItsOwnTimeIsOver(await url());
    });

    it('a transaction waits for its lock, and has the settings of the role again', async () => {
      const dataSource = await openDataSource(await url());
      const { service } = createLocks(database.url, {}, dataSource);
      const held = await createInstance(database.url).acquire('order:1');
      const settings = service.withTransactionLock(
        'order:1',
        (manager) =>
          manager.query<object[]>(
            `SELECT current_setting('lock_timeout') AS "lockTimeout",
              current_setting('statement_timeout') AS "statementTimeout"`,
          ),
        { waitMs: 10_000, isolationLevel: 'READ COMMITTED' },
      );
      await until(async () => (await database.advisoryLocks()).some(({ granted }) => !granted), 'it waits');
      await sleep(300);
      await held.release();
      expect(await settings).toEqual([{ lockTimeout: '50ms', statementTimeout: '100ms' }]);
    });

    it('a transaction that is serializable by default is refused, unless it says so', async () => {
      const { service } = createLocks(database.url, {}, await openDataSource(await url()));
      await expect(service.withTransactionLock('order:1', () => 1)).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
      });
      expect(await service.withTransactionLock('order:1', () => 2, { isolationLevel: 'SERIALIZABLE' })).toBe(
        2,
      );
    });
  });
});

describeWith('pgbouncer', 'other clients of the pooler', () => {
  it('get connections without settings or prepared statements of ours', async () => {
    const bouncer = await closeAfterTest(startPgBouncer(database.url, { mode: 'transaction', poolSize: 1 }));
    const service = createInstance(bouncer.url);
    const locks = await Promise.all(['a', 'b', 'c'].map((name) => service.acquire(name)));
    for (const lock of locks) await lock.release();
    await service.diagnose();
    const left = await withClient(bouncer.url, async (client) => {
      const { rows } = await client.query<{ what: string }>(
        // PgBouncer itself sets the name of each client's application.
        `SELECT name AS what FROM pg_settings WHERE source = 'session' AND name <> 'application_name'
          UNION ALL SELECT name FROM pg_prepared_statements`,
      );
      return rows;
    });
    expect(left).toEqual([]);
  });
});
