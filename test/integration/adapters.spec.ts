import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AdvisoryLockService, OpenTransaction } from 'nestjs-advisory-lock';
import { type Client, CLIENTS } from '../support/clients/clients.js';
import { Gate } from '../e2e/support/gate.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

beforeEach(() => database.query('DROP TABLE IF EXISTS note; CREATE TABLE note (text text)'));

const notes = async (): Promise<string[]> =>
  (await database.query<{ text: string }>('SELECT text FROM note ORDER BY text')).map(({ text }) => text);
const held = async (): Promise<number> =>
  (await database.advisoryLocks()).filter(({ granted }) => granted).length;
const isWaitedFor = async (): Promise<boolean> =>
  (await database.advisoryLocks()).some(({ granted }) => !granted);

describe.each(Object.entries(CLIENTS))('lockInTransaction with %s', (_name, open) => {
  let locks: AdvisoryLockService;
  let client: Client;

  beforeEach(async () => {
    locks = createLocks(database.url).service;
    client = await open(database.url);
  });

  it('holds the lock until the commit', async () => {
    await client.transaction(async (tx, query) => {
      await locks.lockInTransaction(tx, 'a');
      await query("INSERT INTO note VALUES ('written')");
      expect(await locks.tryLockInTransaction(tx, [1, -2], { mode: 'shared' })).toBe(true);
      expect(await locks.isLocked('a')).toBe(true);
      expect(await held()).toBe(2);
      await expect(locks.tryAcquire('a')).resolves.toBeUndefined();
    });

    expect(await notes()).toEqual(['written']);
    expect(await held()).toBe(0);
  });

  it('gives the lock back with the rollback', async () => {
    const error = new Error('from the body');

    const failed = client.transaction(async (tx) => {
      await locks.lockInTransaction(tx, 'a');
      throw error;
    });

    await expect(failed).rejects.toBe(error);
    expect(await held()).toBe(0);
  });

  it('that stays busy leaves the transaction and its settings whole', async () => {
    const holder = await locks.acquire('a');

    await client.transaction(async (tx, query) => {
      await query("SET LOCAL lock_timeout = '7s'");
      await query("INSERT INTO note VALUES ('before')");
      expect(await locks.tryLockInTransaction(tx, 'a')).toBe(false);
      const [refusal, timeout] = [{ code: 'LOCK_UNAVAILABLE' }, { code: 'LOCK_TIMEOUT' }];
      await expect(locks.lockInTransaction(tx, 'a')).rejects.toMatchObject(refusal);
      await expect(locks.lockInTransaction(tx, 'a', { waitMs: 20 })).rejects.toMatchObject(timeout);
      await query("INSERT INTO note VALUES (current_setting('lock_timeout'))");
    });

    expect(await notes()).toEqual(['7s', 'before']);
    await holder.release();
  });

  it('waits for the lock', async () => {
    const holder = await locks.acquire('a');

    const committed = client.transaction(async (tx) => {
      await locks.lockInTransaction(tx, 'a', { waitMs: Infinity });
      expect(await held()).toBe(1);
    });
    await until(isWaitedFor, 'the lock is waited for');
    await holder.release();

    await committed;
    expect(await held()).toBe(0);
  });

  it('refuses a transaction that reads as of one moment, which can go on', async () => {
    await client.transaction(async (tx, query) => {
      const refused = locks.lockInTransaction(tx, 'a');
      await expect(refused).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
        message: expect.stringContaining('must be READ COMMITTED') as unknown,
      });
      await query("INSERT INTO note VALUES ('after')");
    }, 'repeatable read');

    expect(await notes()).toEqual(['after']);
  });

  it('refuses without a transaction, and in one that has failed or ended', async () => {
    const refusal = { code: 'LOCK_CONFIGURATION', lockName: 'a' };
    await expect(locks.lockInTransaction(client.outside, 'a')).rejects.toMatchObject(refusal);

    let ended: OpenTransaction | undefined;
    const failed = client.transaction(async (tx, query) => {
      ended = tx;
      await expect(query('SELECT 1/0')).rejects.toThrow();
      await expect(locks.lockInTransaction(tx, 'a', { waitMs: 10 })).rejects.toMatchObject(refusal);
      throw new Error('roll back');
    });
    await expect(failed).rejects.toThrow('roll back');

    await expect(locks.lockInTransaction(ended as OpenTransaction, 'a')).rejects.toMatchObject(refusal);
    expect(await held()).toBe(0);
  });

  it('that deadlocks names the locks, and leaves the transaction to be used', async () => {
    await Promise.all([locks.isLocked('red'), locks.isLocked('blue')]);
    const both = new Gate();
    let inside = 0;
    const errors: unknown[] = [];
    const crosswise = (first: string, second: string): Promise<void> =>
      client.transaction(async (tx, query) => {
        await locks.lockInTransaction(tx, first);
        if ((inside += 1) === 2) both.open();
        await both.pass();
        await locks
          .lockInTransaction(tx, second, { waitMs: Infinity })
          .catch((error: unknown) => errors.push(error));
        await query(`INSERT INTO note VALUES ('${first}')`);
      });

    await Promise.all([crosswise('red', 'blue'), crosswise('blue', 'red')]);

    expect(errors).toMatchObject([{ code: 'LOCK_DEADLOCK' }]);
    const { lockName, lockNames } = errors[0] as { lockName: string; lockNames: string[] };
    expect([...lockNames].sort()).toEqual(client.reportsDetail ? ['blue', 'red'] : [lockName]);
    expect(await notes()).toEqual(['blue', 'red']);
  });

  it('that is called several times at once takes one lock after the other', async () => {
    const holder = await locks.acquire('busy');

    await client.transaction(async (tx) => {
      const taken = ['a', 'busy', 'b'].map((name) => locks.tryLockInTransaction(tx, name, { waitMs: 5 }));
      expect(await Promise.all(taken)).toEqual([true, false, true]);
      expect(await held()).toBe(3);
    });

    await holder.release();
  });
});

describe('lockInTransaction with what is no transaction', () => {
  it.each([
    ['nothing', undefined],
    ['a name', 'a'],
    ['the transaction of another client, without its adapter', { $queryRawUnsafe: () => undefined }],
    ['an entity manager of MikroORM', { getRepository: () => undefined }],
  ])('says what it needs: %s', async (_case, tx) => {
    const { service } = createLocks(database.url);
    await expect(service.lockInTransaction(tx as unknown as OpenTransaction, 'a')).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('prismaTransaction(tx)') as unknown,
    });
  });
});
