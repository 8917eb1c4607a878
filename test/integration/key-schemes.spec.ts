import { describe, expect, it } from '@jest/globals';
import advisoryLock from 'advisory-lock';
import { openDataSource } from '../support/data-source.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();
const name = 'nightly-report';

describe('the package advisory-lock of npm', () => {
  // It is CommonJS, compiled from a module.
  const mutexOf = (lockName: string) => advisoryLock.default(database.url)(lockName);

  it('is excluded by a lock with its key scheme', async () => {
    const { service } = createLocks(database.url);
    const lock = await service.acquire(name, { keyScheme: 'advisory-lock' });
    expect(await mutexOf(name).tryLock()).toBeUndefined();
    await lock.release();
    const unlock = await mutexOf(name).tryLock();
    expect(unlock).toBeInstanceOf(Function);
    await unlock?.();
  });

  it('excludes a lock with its key scheme, and no other lock of that name', async () => {
    const { service } = createLocks(database.url);
    const unlock = await mutexOf(name).tryLock();
    defer(async () => unlock?.());
    const options = { keyScheme: 'advisory-lock' } as const;
    expect(await service.tryAcquire(name, options)).toBeUndefined();
    expect(await service.isLocked(name, options)).toBe(true);
    expect(await service.isLocked(name)).toBe(false);
    expect(await service.tryWithLock(name, () => 'another lock')).toEqual({
      acquired: true,
      value: 'another lock',
    });
  });
});

describe.each([
  ['hashtext', '759228614', 'pg_try_advisory_lock(hashtext($1))'],
  ['hashtextextended', '-1761082894366742330', 'pg_try_advisory_lock(hashtextextended($1, 0))'],
] as const)('the key scheme %s', (keyScheme, key, tryLock) => {
  const isRefusedInSql = async (): Promise<boolean> =>
    Object.values((await database.query(`SELECT ${tryLock}`, [name]))[0] ?? {})[0] === false;

  it('is computed by the server, for a single call', async () => {
    const { service } = createLocks(database.url);
    await service.withLock(
      name,
      async (lock) => {
        expect(lock.key.id).toBe(key);
        expect(await isRefusedInSql()).toBe(true);
        expect(service.current(name, { keyScheme })).toBe(lock);
        expect(service.current(name)).toBeUndefined();
        await expect(service.withLock(name, () => undefined, { keyScheme })).rejects.toMatchObject({
          code: 'LOCK_REENTERED',
        });
      },
      { keyScheme },
    );
  });

  it('is that of a module, with permits, several names, transactions and leaderships', async () => {
    const dataSource = await openDataSource(database.url);
    const { service } = createLocks(database.url, { keyScheme }, dataSource);
    expect(await service.withLock(name, (lock) => lock.key.id)).toBe(key);
    expect(await service.withLock(name, (lock) => lock.key.id, { permits: 2 })).toEqual(expect.any(String));
    expect(await service.withLock([name, "l'été 🌍"], ({ keys }) => keys.length)).toBe(2);
    await service.withTransactionLock(name, async (_, lock) => {
      expect(lock.key.id).toBe(key);
      expect(await isRefusedInSql()).toBe(true);
      service.assertHeld(name);
    });
    const isLeader = await new Promise<boolean>((resolve) => {
      service.lead(name, () => {
        resolve(service.isLeader(name));
      });
    });
    expect(isLeader).toBe(true);
  });

  it('refuses a name that no text of the server can be', async () => {
    const { service } = createLocks(database.url);
    await expect(service.withLock('a\0b', () => undefined, { keyScheme })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
  });
});
