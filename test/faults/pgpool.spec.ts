import { beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { DataSource } from 'typeorm';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import { withClient } from '../support/admin.js';
import { defer } from '../support/cleanup.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { until } from '../support/until.js';
import { closeAfterTest } from './support/close-after-test.js';
import { describeWith } from './support/describe-with.js';
import { type Pgpool, startPgpool } from './support/pgpool.js';
import { startPrimary, startStandby } from './support/postgres-cluster.js';
import type { PostgresNode } from './support/postgres-node.js';

const QUICK = { heartbeatMs: 300, lostAfterMs: 1_500 };

describeWith('pgpool-II', 'through pgpool-II', () => {
  let primary: PostgresNode;
  beforeAll(async () => {
    primary = await closeAfterTest(startPrimary());
  });

  const onPrimary = <Row extends object>(sql: string): Promise<Row[]> =>
    withClient(primary.socketUrl, async (client) => (await client.query<Row>(sql)).rows);
  const lockCount = async (): Promise<number> =>
    (await onPrimary(`SELECT FROM pg_locks WHERE locktype = 'advisory'`)).length;
  const nothingHeld = () => until(async () => (await lockCount()) === 0, 'no lock is held');

  async function exclude(one: AdvisoryLockService, ...others: AdvisoryLockService[]): Promise<void> {
    const locks = await Promise.all(['a', 'b'].map((name) => one.acquire(name)));
    for (const service of others) {
      const taken = await service.tryAcquire('a');
      expect([taken?.name, locks.map(({ isHeld }) => isHeld)]).toEqual([undefined, [true, true]]);
      expect(await service.tryAcquire(['b', 'c'])).toBeUndefined();
      expect(await service.isLocked('a')).toBe(true);
    }
    for (const lock of locks) await lock.release();
    for (const service of others) await (await service.acquire('a')).release();
    await nothingHeld();
  }

  it('in front of one server locks exclude, and the connection counts as direct', async () => {
    const { url } = await closeAfterTest(startPgpool(primary.url));
    const [one, other] = [createLocks(url).service, createLocks(url).service];
    // It announces the pid of its only backend.
    expect(await one.diagnose()).toMatchObject({ isHealthy: true, problems: [], pooler: 'none' });
    await exclude(one, other, createLocks(primary.url).service);
  });

  describe('in front of a primary and a standby', () => {
    let standby: PostgresNode;
    let pgpool: Pgpool;
    beforeAll(async () => {
      standby = await closeAfterTest(startStandby(primary));
      pgpool = await closeAfterTest(startPgpool(primary.url, { standbyUrl: standby.url }));
    });
    const through = (options: LocksOptions = {}): AdvisoryLockService =>
      createLocks(pgpool.url, options).service;

    it('another SELECT than those of the library goes to the standby', async () => {
      await withClient(pgpool.url, async (client) => {
        const { rows } = await client.query(`SELECT current_setting('port') AS port`);
        expect(rows).toEqual([{ port: String(standby.port) }]);
      });
    });

    it('is refused as a standby where its settings send the functions for locks there', async () => {
      const settings = { write_function_list: 'nextval,setval' };
      const starting = startPgpool(primary.url, { standbyUrl: standby.url, settings });
      const { service } = createLocks((await closeAfterTest(starting)).url);
      await expect(service.acquire('import')).rejects.toMatchObject({
        code: 'LOCK_CONNECTION',
        message: expect.stringContaining('the server is a standby') as unknown,
      });
      expect(await service.diagnose()).toMatchObject({ problems: [{ code: 'STANDBY' }] });
    });

    it.each([
      ['detect', 'transaction'],
      ['none', 'none'],
    ] as const)('locks exclude, are seen, and leave nothing behind: %s', async (pooler, named) => {
      const [one, other] = [through({ pooler }), through({ pooler })];
      expect(await one.diagnose()).toMatchObject({ isHealthy: true, problems: [], pooler: named });
      await exclude(one, other, createLocks(primary.url).service);
    });

    it('waits in turn, for `waitMs`, and until its signal aborts', async () => {
      const [one, other] = [through(), through()];
      const held = await one.acquire('report');
      const leaving = new AbortController();
      const waiting = other.acquire('report', { waitMs: Infinity, signal: leaving.signal });
      waiting.catch(() => undefined);
      await until(async () => (await lockCount()) === 2, 'it stands in the queue');
      leaving.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      await expect(other.acquire('report', { waitMs: 50 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
      const next = other.acquire('report', { waitMs: Infinity });
      await until(async () => (await lockCount()) === 2, 'it stands in the queue again');
      await held.release();
      await (await next).release();
      await nothingHeld();
    });

    it('makes growing tokens, and takes locks of a transaction', async () => {
      const dataSource = await new DataSource({
        type: 'postgres',
        url: pgpool.url,
        poolSize: 2,
      }).initialize();
      defer(() => dataSource.destroy());
      const { service } = createLocks(pgpool.url, {}, dataSource);
      const other = createLocks(primary.url).service;
      const tokens: bigint[] = [];
      for (const each of [service, other, service])
        await each.withLock('account', async (lock) => tokens.push(await lock.fencingToken()));
      expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
      await service.withTransactionLock('order:1', async () => {
        expect(await other.tryAcquire('order:1')).toBeUndefined();
      });
      await using held = await other.acquire('order:1');
      await expect(service.withTransactionLock('order:1', () => 1)).rejects.toMatchObject({
        code: 'LOCK_UNAVAILABLE',
        lockName: held.name,
      });
    });

    it('leaves neither locks nor settings to the next client of its backend', async () => {
      const settings = () =>
        withClient(pgpool.url, async (client) => {
          const { rows } = await client.query<object>(
            `SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name'`,
          );
          return rows;
        });
      const before = await settings();
      const locks = createLocks(pgpool.url, { frozenAfterMs: 60_000 });
      await locks.service.acquire('import');
      await locks.close();
      await nothingHeld();
      expect(await settings()).toEqual(before);
    });

    it.each([
      [
        'a backend is ended',
        () => onPrimary(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'`),
      ],
      ['pgpool-II restarts', () => pgpool.restart()],
    ])('notifies holders when %s, and takes new locks', async (_what, breakIt) => {
      const service = through(QUICK);
      const lock = await service.acquire('import');
      const loss = once(lock.signal, 'abort');
      await breakIt();
      await loss;
      expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
      await (await service.acquire('import', { waitMs: 10_000 })).release();
      await nothingHeld();
    });
  });
});
