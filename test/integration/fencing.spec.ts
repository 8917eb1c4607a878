import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { LockNames, LockOptions } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { startWorker } from '../support/processes.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

const createService = () => createLocks(database.url).service;

function expectToGrow(tokens: readonly bigint[]): void {
  expect(tokens.length).toBeGreaterThan(1);
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
}

describe('a fencing token', () => {
  it.each<{ what: string; names: LockNames; options: LockOptions }>([
    { what: 'one lock', names: 'account', options: {} },
    { what: 'several locks', names: ['account:1', 'account:2'], options: {} },
    { what: 'a shared lock', names: 'account', options: { mode: 'shared' } },
    { what: 'a permit', names: 'account', options: { permits: 2 } },
  ])('of $what grows from holder to holder, and from call to call', async ({ names, options }) => {
    const [one, other] = [createService(), createService()];
    const tokens: bigint[] = [];
    for (const service of [one, other, one, one, other]) {
      await using lock = await service.acquire(names, options);
      tokens.push(await lock.fencingToken(), await lock.fencingToken());
    }
    expectToGrow(tokens);
  });

  it('grows from reader to reader of one shared lock', async () => {
    const [one, other] = [createService(), createService()];
    const tokens: bigint[] = [];
    await using first = await one.acquire('config', { mode: 'shared' });
    await using second = await one.acquire('config', { mode: 'shared' });
    await using third = await other.acquire('config', { mode: 'shared' });
    for (const lock of [first, second, third]) tokens.push(await lock.fencingToken());
    expectToGrow(tokens);
  });

  it('grows from one name to the other for a holder of both', async () => {
    const service = createService();
    await using before = await service.acquire(['a', 'b']);
    const tokens = [await before.fencingToken()];
    await before.release();
    for (const name of ['b', 'a']) {
      await using lock = await service.acquire(name);
      tokens.push(await lock.fencingToken());
    }
    expectToGrow(tokens);
  });

  it('grows when the lock is handed on inside the process', async () => {
    const { service } = createLocks(database.url, { maxConnections: 1 });
    const tokens: bigint[] = [];
    await Promise.all(
      Array.from({ length: 20 }, () =>
        service.withLock('account', async (lock) => void tokens.push(await lock.fencingToken()), {
          waitMs: Infinity,
        }),
      ),
    );
    expect(tokens).toHaveLength(20);
    expectToGrow(tokens);
  });

  it('grows across processes, in the order in which they held the lock', async () => {
    await database.query('CREATE TABLE holder (place serial, token numeric NOT NULL)');
    const takers = Array.from({ length: 3 }, () =>
      startWorker(new URL('./workers/token-taker.ts', import.meta.url), {
        args: ['20'],
        env: { TEST_URL: database.url },
      }),
    );
    // Their code is compiled when they start, which takes long on a busy machine.
    for (const taker of takers) await taker.message<{ type: string }>(({ type }) => type === 'ready', 60_000);
    for (const taker of takers) taker.send({ type: 'go' });
    for (const taker of takers) await taker.message<{ type: string }>(({ type }) => type === 'done', 60_000);
    const rows = await database.query<{ token: string }>('SELECT token FROM holder ORDER BY place');
    expect(rows).toHaveLength(60);
    expectToGrow(rows.map(({ token }) => BigInt(token)));
  }, 90_000);

  it('can be had where every transaction is read-only and serializable', async () => {
    const settings = ['default_transaction_read_only = on', 'default_transaction_isolation = serializable'];
    for (const setting of settings) await database.query(`ALTER DATABASE "${database.name}" SET ${setting}`);
    defer(() => database.query(`ALTER DATABASE "${database.name}" RESET ALL`));
    await using lock = await createService().acquire('account');
    expectToGrow([await lock.fencingToken(), await lock.fencingToken()]);
  });

  it('cannot be taken after the release', async () => {
    const lock = await createService().acquire('account');
    await lock.release();
    await expect(lock.fencingToken()).rejects.toMatchObject({ code: 'LOCK_NOT_HELD', lockName: 'account' });
  });

  it('cannot be taken when the lock is released in the meantime', async () => {
    const lock = await createService().acquire('account');
    const refused = expect(lock.fencingToken()).rejects.toMatchObject({ code: 'LOCK_NOT_HELD' });
    await lock.release();
    await refused;
  });

  it('cannot be taken after the loss', async () => {
    const lock = await createService().acquire('account');
    const loss = once(lock.signal, 'abort');
    await terminateHolders(database);
    await loss;
    await expect(lock.fencingToken()).rejects.toMatchObject({ code: 'LOCK_LOST', lockName: 'account' });
  });

  it('cannot be taken under a lost lock, even before its holder is notified', async () => {
    const lock = await createService().acquire('account');
    await terminateHolders(database);
    await expect(lock.fencingToken()).rejects.toMatchObject({ code: 'LOCK_LOST', lockName: 'account' });
  });
});

describe('a writer that fences', () => {
  const write = async (balance: number, token: bigint): Promise<number> => {
    const written = await database.query(
      'UPDATE account SET balance = $2, token = $3 WHERE id = $1 AND token < $3 RETURNING id',
      [1, balance, token],
    );
    return written.length;
  };

  it('is refused after an unnoticed loss of the lock, when another one has written', async () => {
    await database.query(
      'CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, token bigint NOT NULL DEFAULT 0)',
    );
    await database.query('INSERT INTO account VALUES (1, 100)');
    const stale = await createService().acquire('account:1');
    const staleToken = await stale.fencingToken();
    await terminateHolders(database);

    await using lock = await createService().acquire('account:1', { waitMs: 5_000 });
    const token = await lock.fencingToken();
    expect(await write(70, token)).toBe(1);
    expect(await write(50, staleToken)).toBe(0);
    // A token belongs to one write: a second write takes another one.
    expect(await write(60, token)).toBe(0);
    expect(await write(60, await lock.fencingToken())).toBe(1);
    expect(await database.query('SELECT balance FROM account')).toEqual([{ balance: 60 }]);
    await stale.release();
  });
});
