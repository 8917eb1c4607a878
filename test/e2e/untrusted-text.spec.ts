import { expect, it } from '@jest/globals';
import pg from 'pg';
import { AdvisoryLockInspector, AdvisoryLockService } from 'nestjs-advisory-lock';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { serve } from './support/applications.js';
import { startCli } from './support/cli-process.js';
import { dashboardApp, snapshotWhen } from './support/dashboards.js';

const database = useTestDatabase({ connectionsMayStay: true });

/** A line of its own, a color, the other direction, another line. */
const HOSTILE = 'a\n[Nest] 1 ERROR forged\x1B[31m\u202Ec\u2028d';
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** A login role without any grant, whose name is as hostile, that holds the key. */
async function strangerWith(key: number): Promise<void> {
  // Postgres cuts names to 63 bytes.
  const user = `${database.name.slice(-8)}_${HOSTILE}`;
  const role = pg.escapeIdentifier(user);
  await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'stranger'`);
  defer(() => database.query(`DROP ROLE ${role}`));
  const { hostname: host, port } = new URL(database.url);
  const address = { host, port: Number(port), database: database.name };
  const client = new pg.Client({ ...address, user, password: 'stranger' });
  await client.connect();
  defer(() => client.end());
  await client.query('SELECT pg_advisory_lock($1)', [key]);
}

it('names of users and roles write no line, and move no cursor, wherever they are shown', async () => {
  const { app, url, log } = await serve('express', dashboardApp(database, { public: true }));
  await strangerWith(42);
  const locks = app.get(AdvisoryLockService);
  const lock = await locks.acquire(HOSTILE);
  expect(lock.name).toBe(HOSTILE);
  expect(await app.get(AdvisoryLockInspector).find(HOSTILE)).toMatchObject([{ name: HOSTILE }]);

  const snapshot = await snapshotWhen(`${url}/locks`, ({ locks: shown }) => shown.length === 2);
  const shown = snapshot.locks.flatMap(({ name, holders }) => [name, ...holders.map(({ user }) => user)]);
  expect(shown).toContain('a�[Nest] 1 ERROR forged�[31m�c�d');
  expect(shown.join('')).not.toMatch(UNSAFE);

  for (const args of [['list'], ['why', HOSTILE], ['why', '--key', '42'], ['list', '--json']]) {
    const { status, stdout } = await startCli(args, { DATABASE_URL: database.url }).outcome;
    expect([args, status]).toEqual([args, 0]);
    expect(stdout.replaceAll('\n', '')).not.toMatch(UNSAFE);
    expect(stdout).not.toMatch(/^\[Nest\]/m);
  }

  const busy = await locks.acquire(HOSTILE, { reentry: 'refuse' }).catch((error: unknown) => error);
  expect(busy).toMatchObject({ code: 'LOCK_UNAVAILABLE', lockName: HOSTILE });
  expect((busy as Error).message).not.toMatch(UNSAFE);

  await database.query('SELECT pg_terminate_backend($1)', [
    snapshot.locks.find(({ name }) => name)?.holders[0]?.pid,
  ]);
  await until(() => lock.signal.aborted, 'the holder is notified');
  expect((lock.signal.reason as Error).message).not.toMatch(UNSAFE);
  await until(() => log.matching(/forged/).length > 0, 'the log names the lost lock');
  for (const line of log.lines) expect(line).not.toMatch(UNSAFE);
});
