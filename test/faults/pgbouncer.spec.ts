import { expect } from '@jest/globals';
import { once } from 'node:events';
import { DataSource, type Migration, type MigrationInterface, type QueryRunner } from 'typeorm';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import { ADVISORY_LEASE_SQL, runMigrationsExclusively } from '../../lib/index.js';
import { openDataSource } from '../support/data-source.js';
import { withClient } from '../support/admin.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { testsTogether } from '../support/tests-together.js';
import { until } from '../support/until.js';
import { defer } from '../support/cleanup.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { nothingPinned, pinnedConnections } from './support/pooled.js';
import { type PgBouncer, type PgBouncerOptions, startPgBouncer } from './support/pgbouncer.js';

const { database, it } = testsTogether({ atOnce: 4 });

describeWith('pgbouncer', 'through PgBouncer', () => {
  const start = (options: Partial<PgBouncerOptions> = {}): Promise<PgBouncer> =>
    closeAfterTest(startPgBouncer(database.url, { mode: 'transaction', ...options }));
  const through = ({ url }: PgBouncer, options: LocksOptions = {}): AdvisoryLockService =>
    createLocks(url, options).service;

  for (const mode of ['transaction', 'session'] as const)
    it(`in ${mode} mode locks exclude, are seen, and leave nothing behind`, async () => {
      const bouncer = await start({ mode });
      const [one, other, direct] = [through(bouncer), through(bouncer), createLocks(database.url).service];
      const lock = await one.acquire('import');
      for (const service of [other, direct]) {
        expect(await service.tryAcquire('import')).toBeUndefined();
        expect(await service.isLocked('import')).toBe(true);
      }
      await lock.release();
      expect(await database.advisoryLocks()).toEqual([]);
      await nothingPinned(database);
      for (const service of [direct, other]) await (await service.acquire('import')).release();
      expect(await database.advisoryLocks()).toEqual([]);
    });

  it('in transaction mode leases of two processes use no prepared statements', async () => {
    // All of them have the one backend that the last question is for.
    const bouncer = await start({ poolSize: 1 });
    await database.query(ADVISORY_LEASE_SQL);
    const services = await Promise.all(
      [1, 2].map(async () => createLocks(bouncer.url, {}, await openDataSource(bouncer.url)).service),
    );
    for (let round = 0; round < 10; round += 1)
      await Promise.all(
        services.flatMap((service, process) =>
          [1, 2, 3].map(async (n) => {
            await (await service.lease(`doc:${process}:${n}`, { ttlMs: 60_000 })).release();
          }),
        ),
      );
    const backend = await openDataSource(bouncer.url);
    expect(await backend.query('SELECT name FROM pg_prepared_statements')).toEqual([]);
  });

  it('in transaction mode is refused where the option denies it', async () => {
    const service = through(await start(), { pooler: 'none' });
    await expect(service.acquire('import')).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringMatching(/shares its backends/) as unknown,
    });
    expect(await database.advisoryLocks()).toEqual([]);
  });

  for (const pooler of ['detect', 'none', 'transaction'] as const)
    it(`in statement mode is refused by its mode, whatever the option says: ${pooler}`, async () => {
      const service = through(await start({ mode: 'statement' }), { pooler });
      const message = expect.stringMatching(/`pool_mode = statement`/) as unknown;
      for (const attempt of [
        () => service.acquire('import'),
        () => service.acquire('import', { waitMs: Infinity }),
        () => service.isLocked('import'),
      ])
        await expect(attempt()).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION', message });
      expect(await service.diagnose()).toMatchObject({ problems: [{ code: 'NO_EXCLUSION', message }] });
    });

  it('keeps one server connection while any lock is held, and does not hold back vacuum', async () => {
    const bouncer = await start();
    const service = through(bouncer);
    const locks = await Promise.all(['a', 'b', 'c'].map((name) => service.acquire(name)));
    locks.push(await service.acquire('d'));
    for (const lock of locks) {
      expect(await pinnedConnections(database)).toEqual([
        expect.objectContaining({ state: 'idle in transaction', holdsBackVacuum: false }),
      ]);
      await lock.release();
    }
    await nothingPinned(database);
  });

  it('waits in turn, for `waitMs`, and until its signal aborts', async () => {
    const bouncer = await start();
    const [one, other] = [through(bouncer), through(bouncer)];
    const held = await one.acquire('report');
    const leaving = new AbortController();
    const waiting = other.acquire('report', { waitMs: Infinity, signal: leaving.signal });
    waiting.catch(() => undefined);
    await until(async () => (await database.advisoryLocks()).length === 2, 'it stands in the queue');
    leaving.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(other.acquire('report', { waitMs: 50 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    expect(await database.advisoryLocks()).toHaveLength(1);
    const next = other.acquire('report', { waitMs: Infinity });
    await until(async () => (await database.advisoryLocks()).length === 2, 'it stands in the queue again');
    await held.release();
    await (await next).release();
    expect(await database.advisoryLocks()).toEqual([]);
    await nothingPinned(database);
  });

  it('shares, counts permits and takes several at once', async () => {
    const bouncer = await start();
    const [one, other] = [through(bouncer), through(bouncer)];
    {
      await using reader = await one.acquire('config', { mode: 'shared' });
      await using another = await other.acquire('config', { mode: 'shared' });
      expect([reader.isHeld, another.isHeld]).toEqual([true, true]);
      expect(await other.tryAcquire('config')).toBeUndefined();
    }
    {
      await using first = await one.acquire('mail', { permits: 2 });
      await using second = await other.acquire('mail', { permits: 2 });
      expect([first.isHeld, second.isHeld]).toEqual([true, true]);
      expect(await one.tryAcquire('mail', { permits: 2 })).toBeUndefined();
    }
    await using both = await one.acquire(['a', 'b']);
    expect(both.isHeld).toBe(true);
    expect(await other.tryAcquire(['b', 'c'])).toBeUndefined();
  });

  it('takes locks of a transaction', async () => {
    const bouncer = await start();
    const dataSource = await new DataSource({ type: 'postgres', url: bouncer.url }).initialize();
    defer(() => dataSource.destroy());
    const { service } = createLocks(bouncer.url, {}, dataSource);
    const other = createLocks(database.url).service;
    await service.withTransactionLock('order:1', async () => {
      expect(await other.tryAcquire('order:1')).toBeUndefined();
    });
    await using held = await other.acquire('order:1');
    expect(held.isHeld).toBe(true);
    await expect(service.withTransactionLock('order:1', () => 1, { waitMs: 50 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
  });

  it('makes growing tokens, without pinning the transaction with one', async () => {
    const bouncer = await start();
    const tokens: bigint[] = [];
    for (const service of [through(bouncer), through(bouncer), createLocks(database.url).service]) {
      await service.withLock('account', async (lock) => {
        tokens.push(await lock.fencingToken(), await lock.fencingToken());
        expect((await pinnedConnections(database)).filter(({ holdsBackVacuum }) => holdsBackVacuum)).toEqual(
          [],
        );
      });
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
  });

  it('notifies holders when the pooler restarts, and takes new locks', async () => {
    const bouncer = await start();
    const service = through(bouncer);
    const lock = await service.acquire('import');
    const loss = once(lock.signal, 'abort');
    await bouncer.restart();
    await loss;
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
    await expect(lock.fencingToken()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await lock.release();
    await (await service.acquire('import', { waitMs: 5_000 })).release();
  });

  it('notifies a holder of its loss while it waits for another connection to make its token', async () => {
    const bouncer = await start({ poolSize: 1 });
    const service = through(bouncer, { heartbeatMs: 30_000, lostAfterMs: 60_000 });
    const lock = await service.acquire('import');
    await withClient(bouncer.url, async (client) => {
      const waiting = async (): Promise<number> =>
        (await bouncer.show<{ cl_waiting: string }>('POOLS')).reduce(
          (sum, { cl_waiting }) => sum + Number(cl_waiting),
          0,
        );
      const begun = client.query('BEGIN');
      await until(async () => (await waiting()) === 1, 'the next client waits for a backend');
      const token = lock.fencingToken();
      token.catch(() => undefined);
      await until(async () => (await waiting()) === 2, 'the token waits behind it');
      await terminateHolders(database);
      // The one backend is that client's now.
      await begun;
      await expect(token).rejects.toMatchObject({ code: 'LOCK_LOST' });
      await client.query('COMMIT');
    });
  });

  it('does with a single server connection what one connection can do', async () => {
    const bouncer = await start({ poolSize: 1 });
    const service = through(bouncer);
    for (let round = 0; round < 3; round += 1) {
      const locks = await Promise.all(['a', 'b'].map((name) => service.acquire(name)));
      expect(await service.isLocked('a')).toBe(true);
      for (const lock of locks) await lock.release();
    }
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('uses no prepared statement that another client has made under the same name', async () => {
    const bouncer = await start({ poolSize: 1 });
    const [one, other] = [through(bouncer), through(bouncer)];
    await withClient(bouncer.url, async (client) => {
      for (const name of ['advisory_lock_try', 'advisory_lock_unlock', 'advisory_lock_batch']) {
        await client.query(`PREPARE ${name} AS SELECT 'not a lock'`);
      }
    });
    for (let round = 0; round < 3; round += 1) {
      for (const service of [one, other]) {
        const locks = await Promise.all(['a', 'b'].map((name) => service.acquire(name)));
        for (const lock of locks) await lock.release();
      }
    }
    const prepared = await withClient(bouncer.url, (client) =>
      client.query('SELECT name FROM pg_prepared_statements'),
    );
    expect(prepared.rows).toHaveLength(3);
  });

  for (const mode of ['transaction', 'session'] as const)
    it(`in ${mode} mode leaves no setting to others`, async () => {
      const bouncer = await start({ mode, poolSize: 2 });
      const settings = (url: string): Promise<unknown[]> =>
        withClient(url, async (client) => {
          const { rows } = await client.query<{ name: string; setting: string }>(
            `SELECT name, setting FROM pg_settings
            WHERE source = 'session' AND name <> 'application_name' ORDER BY name`,
          );
          return rows;
        });
      const before = await settings(bouncer.url);
      const locks = createLocks(bouncer.url, { frozenAfterMs: 60_000 });
      const { service } = locks;
      const blocker = await createLocks(database.url).service.acquire('import');
      await (await service.acquire('another')).release();
      await expect(service.acquire('import', { waitMs: 50 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
      const waiting = service.acquire('import', { waitMs: 60_000 });
      await blocker.release();
      await (await waiting).release();
      if (mode === 'session') await locks.close();
      // Both server connections, one after the other or not.
      expect(await Promise.all([settings(bouncer.url), settings(bouncer.url)])).toEqual([before, before]);
    });

  it('takes tokens while every connection for waiting waits', async () => {
    const bouncer = await start({ poolSize: 8 });
    const service = through(bouncer, { maxConnections: 3 });
    const otherService = createLocks(database.url).service;
    const held = await Promise.all(['a', 'b'].map((name) => otherService.acquire(name)));
    await using lock = await service.acquire('account');
    const waiting = held.map(({ name }) => service.acquire(name, { waitMs: Infinity }));
    await until(
      async () => (await database.advisoryLocks()).filter(({ granted }) => !granted).length === 2,
      'both connections wait',
    );
    const tokens = [await lock.fencingToken(), await lock.fencingToken()] as const;
    expect(tokens[0] < tokens[1]).toBe(true);
    for (const each of held) await each.release();
    for (const each of waiting) await (await each).release();
  });

  it('migrates in one instance only', async () => {
    const bouncer = await start();
    class CreateOnce1700000000001 implements MigrationInterface {
      async up(runner: QueryRunner): Promise<void> {
        await runner.query('CREATE TABLE once (id int)');
      }
      async down(runner: QueryRunner): Promise<void> {
        await runner.query('DROP TABLE once');
      }
    }
    const migrate = (): Promise<Migration[]> =>
      runMigrationsExclusively(
        new DataSource({
          type: 'postgres',
          url: bouncer.url,
          poolSize: 1,
          migrations: [CreateOnce1700000000001],
        }),
      );
    const ran = await Promise.all([migrate(), migrate(), migrate()]);
    expect(ran.flat()).toHaveLength(1);
  });

  for (const [what, pooler, mode] of [
    ['a pooler in session mode that is said to be none', 'none', 'session'],
    ['a pooler that is said to be one', 'transaction', 'transaction'],
    ['a server that is said to be behind a pooler', 'transaction', undefined],
  ] as const)
    it(`takes, waits for and loses locks through ${what}`, async () => {
      const url = mode === undefined ? database.url : (await start({ mode })).url;
      const [one, other] = [createLocks(url, { pooler }), createLocks(url, { pooler })];
      const diagnosis = await one.service.diagnose();
      expect(diagnosis).toMatchObject({ isHealthy: true, pooler });
      const lock = await one.service.acquire('import');
      expect(await pinnedConnections(database)).toHaveLength(pooler === 'transaction' ? 1 : 0);
      expect(await other.service.tryAcquire('import')).toBeUndefined();
      await expect(other.service.acquire('import', { waitMs: 50 })).rejects.toMatchObject({
        code: 'LOCK_TIMEOUT',
      });
      const waiting = other.service.acquire('import', { waitMs: Infinity });
      await lock.release();
      const next = await waiting;
      const loss = once(next.signal, 'abort');
      await terminateHolders(database);
      await loss;
      expect(next.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
      await (await other.service.acquire('import', { waitMs: 10_000 })).release();
    });
});
