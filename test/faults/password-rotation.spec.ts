import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { withClient } from '../support/admin.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { startPrimary } from './support/postgres-cluster.js';

describe('a password that rotates', () => {
  let url: string;
  /** The password in the vault of the application. */
  let password: string;

  const asAdmin = (sql: string): Promise<unknown> => withClient(url, (client) => client.query(sql));

  beforeAll(async () => {
    ({ url } = await closeAfterTest(startPrimary()));
    await asAdmin(`CREATE ROLE app LOGIN`);
  });

  beforeEach(async () => {
    password = 'first';
    await setPassword('first');
  });

  const setPassword = (value: string) => asAdmin(`ALTER ROLE app PASSWORD '${value}'`);
  const endSessions = () =>
    asAdmin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'`);

  function createInstance(
    secret: string | (() => string) | (() => Promise<string>),
    options: LocksOptions = {},
  ) {
    const { hostname, port } = new URL(url);
    return createLocks(
      {
        type: 'postgres',
        host: hostname,
        port: Number(port),
        username: 'app',
        password: secret,
        database: 'postgres',
      },
      options,
    ).service;
  }

  it.each([
    { what: 'a function', instance: () => createInstance(() => password) },
    {
      what: 'a function that returns a promise',
      instance: () => createInstance(() => Promise.resolve(password)),
    },
    {
      what: 'a function of the lock connection alone',
      instance: () =>
        createInstance('of the application', { connectionOptions: { password: () => password } }),
    },
  ])('is read for each new connection from $what', async ({ instance }) => {
    const service = instance();
    const lock = await service.acquire('import');
    await setPassword('second');
    password = 'second';
    // A session that is there does not need it.
    await (await service.acquire('other')).release();

    const loss = once(lock.signal, 'abort');
    await endSessions();
    await loss;
    await using again = await service.acquire('import', { waitMs: 10_000 });
    expect(again.isHeld).toBe(true);
  });

  it('reaches waiters', async () => {
    const [one, other] = [createInstance(() => password), createInstance(() => password)];
    const held = await one.acquire('import');
    await (await other.acquire('other')).release();
    await setPassword('second');
    password = 'second';
    // To wait in the queue takes a new connection.
    const waiting = other.acquire('import', { waitMs: Infinity });
    const waits = () =>
      withClient(url, async (client) => {
        const { rowCount } = await client.query(
          `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`,
        );
        return rowCount === 1;
      });
    await until(waits, 'it stands in the queue');
    await held.release();
    await (await waiting).release();
  });

  it('that is changed too late is an error until then', async () => {
    const service = createInstance(() => password);
    await (await service.acquire('import')).release();
    await setPassword('second');
    await endSessions();
    const refused = () =>
      service
        .withLock('import', () => false)
        .catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'LOCK_CONNECTION' });
          return (error as { cause: { code?: string } }).cause.code === '28P01';
        });
    await until(refused, 'the old password is refused');
    password = 'second';
    expect(await service.withLock('import', () => 'done')).toBe('done');
  });
});
