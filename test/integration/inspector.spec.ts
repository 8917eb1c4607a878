import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { AdvisoryLockInspector } from '../../lib/nest/advisory-lock-inspector.js';
import { defaultInstanceName } from '../../lib/core/index.js';
import type { InspectedLock } from '../../lib/inspection/inspected-lock.js';
import { defer } from '../support/cleanup.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { startServer, useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

async function connect(
  url = database.url,
  applicationName = 'foreign',
): Promise<pg.Client & { pid: number }> {
  const client = new pg.Client({ connectionString: url, application_name: applicationName });
  await client.connect();
  // One that is terminated says so.
  client.on('error', () => undefined);
  defer(() => client.end());
  return Object.assign(client, { pid: (client as unknown as { processID: number }).processID });
}

function inspected(options?: LocksOptions) {
  const locks = createLocks(database.url, options);
  return { ...locks, inspector: new AdvisoryLockInspector(locks.service) };
}

/**
 * Until the backend waits, and Postgres has noted since when: it does so a moment after the wait has begun.
 */
async function untilWaiting(inspector: AdvisoryLockInspector, count = 1): Promise<InspectedLock[]> {
  let waiters: InspectedLock[] = [];
  await until(async () => {
    waiters = await inspector.list({ isGranted: false });
    return waiters.filter(({ waitingSince }) => waitingSince !== undefined).length === count;
  }, `${count} wait`);
  return waiters;
}

/** Until the backend waits for any lock of Postgres. */
function untilBlocked(client: pg.Client, pid: number): Promise<void> {
  return until(async () => {
    const { rows } = await client.query<{ blocked: boolean }>(
      'SELECT cardinality(pg_blocking_pids($1)) > 0 AS blocked',
      [pid],
    );
    return rows[0]?.blocked === true;
  }, 'the statement waits');
}

const pidOf = (lock: InspectedLock | undefined): number => lock?.backend?.pid ?? NaN;

describe('the list of locks', () => {
  it('is empty without locks, and opens only the lock connection', async () => {
    const { inspector } = inspected();
    expect(await inspector.list()).toEqual([]);
    expect(await database.connections()).toHaveLength(1);
  });

  it('reports all details of a lock of this process', async () => {
    const { inspector, service } = inspected({ namespace: 'shop' });
    await using lock = await service.acquire('nightly-report');
    const [held, ...others] = await inspector.list();
    expect(others).toEqual([]);
    expect(held).toEqual({
      key: expect.objectContaining({ id: String(lock.key), form: 'bigint', bigint: String(lock.key) }),
      name: 'nightly-report',
      mode: 'exclusive',
      isGranted: true,
      scope: 'session',
      backend: {
        pid: expect.any(Number),
        id: expect.stringMatching(/^\d+@\d{16}$/),
        user: expect.any(String),
        applicationName: `nestjs-advisory-lock ${defaultInstanceName()}`,
        instance: defaultInstanceName(),
        clientAddress: expect.stringMatching(/127\.0\.0\.1|::1/),
        clientPort: expect.any(Number),
        state: 'active',
        startedAt: expect.any(Date),
        transactionStartedAt: expect.any(Date),
        stateChangedAt: expect.any(Date),
      },
      instance: defaultInstanceName(),
      blockedBy: [],
    });
    lock.assertHeld();
  });

  it.each([
    { id: '0', pair: [0, 0] },
    { id: '-1', pair: [-1, -1] },
    { id: '9223372036854775807', pair: [2_147_483_647, -1] },
    { id: '-9223372036854775808', pair: [-2_147_483_648, 0] },
    { id: '4294967296', pair: [1, 0] },
  ])('writes the foreign key $id in all forms', async ({ id, pair }) => {
    const { inspector } = inspected();
    const client = await connect();
    await client.query('SELECT pg_advisory_lock($1::int8)', [id]);
    const [lock] = await inspector.find(BigInt(id));
    expect(lock?.key).toEqual({
      id,
      form: 'bigint',
      bigint: id,
      pair,
      classid: (pair[0] ?? NaN) >>> 0,
      objid: (pair[1] ?? NaN) >>> 0,
      objsubid: 1,
    });
    expect(lock).toMatchObject({ backend: { pid: client.pid, applicationName: 'foreign' } });
  });

  it('keeps pairs and bigints of the same bits apart', async () => {
    const { inspector } = inspected();
    const [one, other] = [await connect(), await connect()];
    await one.query('SELECT pg_advisory_lock(-7, 8)');
    await other.query(`SELECT pg_advisory_lock((-7::int8 << 32) | 8)`);
    const pairs = await inspector.find([-7, 8]);
    expect(pairs.map(pidOf)).toEqual([one.pid]);
    expect(pairs[0]?.key).toMatchObject({ id: '(-7, 8)', form: 'pair', pair: [-7, 8], objsubid: 2 });
    const bigints = await inspector.find(BigInt(pairs[0]?.key.bigint ?? ''));
    expect(bigints.map(pidOf)).toEqual([other.pid]);
    expect(bigints[0]?.key).toMatchObject({ form: 'bigint', objsubid: 1 });
  });

  it('shows only the locks of its own database, and only advisory ones', async () => {
    const { inspector } = inspected();
    const otherDatabase = new URL(database.url);
    otherDatabase.pathname = '/postgres';
    const [other, here] = [await connect(otherDatabase.href), await connect()];
    await other.query('SELECT pg_advisory_lock(42)');
    await here.query('BEGIN');
    await here.query('LOCK TABLE pg_catalog.pg_description IN ACCESS SHARE MODE');
    expect(await inspector.list()).toEqual([]);
  });

  it('lists every reader of a shared lock, and filters', async () => {
    const [one, other] = [inspected(), inspected()];
    const first = await one.service.acquire('catalog', { mode: 'shared' });
    defer(() => first.release());
    const second = await other.service.acquire('catalog', { mode: 'shared' });
    defer(() => second.release());
    const third = await other.service.acquire('import');
    defer(() => third.release());
    const readers = await one.inspector.find('catalog');
    expect(readers.map(({ mode }) => mode)).toEqual(['shared', 'shared']);
    expect(new Set(readers.map(pidOf)).size).toBe(2);
    expect(await one.inspector.list({ mode: 'exclusive' })).toHaveLength(1);
    expect(await one.inspector.list({ pid: pidOf(readers[0]) })).not.toHaveLength(0);
    expect(await one.inspector.list({ isGranted: false })).toEqual([]);
    // It learns the name of what another process holds by being asked for it.
    expect((await one.inspector.list({ mode: 'exclusive' }))[0]).not.toHaveProperty('name');
    expect(await one.inspector.find('import')).toMatchObject([{ name: 'import' }]);
    expect(await one.inspector.list({ mode: 'exclusive' })).toMatchObject([{ name: 'import' }]);
  });

  it('distinguishes session locks from those of transactions where Postgres does', async () => {
    const { inspector } = inspected();
    const client = await connect();
    await client.query('SELECT pg_advisory_lock(1)');
    expect(await inspector.find(1)).toMatchObject([{ scope: 'session', backend: { state: 'idle' } }]);
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(2)');
    const both = await inspector.list();
    expect(both).toHaveLength(2);
    for (const lock of both) expect(lock).not.toHaveProperty('scope');
    expect(both[0]?.backend?.transactionStartedAt).toBeInstanceOf(Date);
  });

  it('names the keys of other tools', async () => {
    const { inspector } = inspected();
    const client = await connect();
    await client.query('SELECT pg_advisory_lock(72707369), pg_advisory_lock(0, 72707369)');
    expect(await inspector.find(72707369)).toMatchObject([{ tool: 'Prisma Migrate' }]);
    // A pair is another key.
    expect((await inspector.find([0, 72707369]))[0]).not.toHaveProperty('tool');
  });

  it('can be written as JSON', async () => {
    const { inspector, service } = inspected();
    const lock = await service.acquire('import');
    defer(() => lock.release());
    const locks = await inspector.list();
    expect(JSON.parse(JSON.stringify(locks))).toMatchObject([{ name: 'import', isGranted: true }]);
  });

  it('shows the present state, not that of the first query, inside one transaction', async () => {
    const { inspector, service } = inspected({ pooler: 'transaction' });
    const lock = await service.acquire('import');
    defer(() => lock.release());
    await inspector.list();
    const client = await connect();
    await client.query('SELECT pg_advisory_lock(1)');
    expect(await inspector.find(1)).toMatchObject([
      { backend: { pid: client.pid, applicationName: 'foreign' } },
    ]);
    expect(await inspector.find('import')).toMatchObject([{ scope: 'session' }]);
  });
});

describe('waiters', () => {
  it('are listed with since when, and behind which holder', async () => {
    const [holder, waiter] = [inspected(), inspected()];
    const lock = await holder.service.acquire('daily-report');
    const waiting = waiter.service.acquire('daily-report', { waitMs: Infinity });
    await untilWaiting(holder.inspector);
    const [held, waits, ...others] = await holder.inspector.find('daily-report');
    expect(others).toEqual([]);
    expect(held).toMatchObject({ isGranted: true, blockedBy: [] });
    expect(waits).toMatchObject({
      isGranted: false,
      name: 'daily-report',
      waitingSince: expect.any(Date),
      waitingMs: expect.any(Number),
      blockedBy: [pidOf(held)],
    });
    expect(waits).not.toHaveProperty('scope');
    expect(await holder.inspector.waiters('daily-report')).toMatchObject([
      { backend: { pid: pidOf(waits) } },
    ]);
    expect(await holder.inspector.waiters('another')).toEqual([]);
    const before = waits?.waitingMs ?? NaN;
    await until(
      async () => ((await holder.inspector.waiters('daily-report'))[0]?.waitingMs ?? 0) > before,
      'it waits longer',
    );
    await lock.release();
    await (await waiting).release();
  });

  it('make a graph that distinguishes holders from earlier waiters', async () => {
    const { inspector } = inspected();
    const [holder, first, second] = [await connect(), await connect(), await connect()];
    await holder.query('SELECT pg_advisory_lock(5, 6)');
    const grants = [first.query('SELECT pg_advisory_lock(5, 6)')];
    await untilWaiting(inspector);
    grants.push(second.query('SELECT pg_advisory_lock(5, 6)'));
    const waiters = await untilWaiting(inspector, 2);
    expect(waiters.map(pidOf)).toEqual([first.pid, second.pid]);
    const { edges, backends, locks } = await inspector.graph();
    expect(locks).toHaveLength(3);
    expect(new Set(backends.map(({ pid }) => pid))).toEqual(new Set([holder.pid, first.pid, second.pid]));
    const key: unknown = expect.objectContaining({ id: '(5, 6)' });
    expect(edges).toHaveLength(3);
    expect(edges).toEqual(
      expect.arrayContaining([
        { waiter: first.pid, blocker: holder.pid, key, because: 'holds' },
        { waiter: second.pid, blocker: holder.pid, key, because: 'holds' },
        { waiter: second.pid, blocker: first.pid, key, because: 'queues' },
      ]),
    );
    for (const client of [holder, first, second]) {
      if (client !== holder) await grants.shift();
      await client.query('SELECT pg_advisory_unlock_all()');
    }
  });
});

describe('10,000 locks', () => {
  it('are listed in one statement', async () => {
    const { url } = await startServer(['-c', 'max_locks_per_transaction=400']);
    const { service, engine } = createLocks(url);
    const inspector = new AdvisoryLockInspector(service);
    const client = await connect(url);
    await client.query('SELECT count(pg_advisory_lock(n)) FROM generate_series(1, 10000) AS n');
    await inspector.list();
    const { server } = engine;
    const query = server.query.bind(server);
    let statements = 0;
    server.query = (statement) => {
      statements += 1;
      return query(statement);
    };
    const locks = await inspector.list();
    expect(locks).toHaveLength(10_000);
    expect(new Set(locks.map(({ key }) => key.id)).size).toBe(10_000);
    expect(statements).toBe(1);
    expect(await inspector.find(9_999)).toMatchObject([{ backend: { pid: client.pid } }]);
  });
});

describe('a prepared transaction', () => {
  it('is listed without a backend, and cannot be ended', async () => {
    const { url } = await startServer(['-c', 'max_prepared_transactions=2']);
    const inspector = new AdvisoryLockInspector(createLocks(url).service);
    const [client, waiter] = [await connect(url), await connect(url)];
    await client.query('BEGIN; SELECT pg_advisory_xact_lock(7)');
    await client.query(`PREPARE TRANSACTION 'left'`);
    const waiting = waiter.query('SELECT pg_advisory_lock(7)');
    await untilWaiting(inspector);
    const [held, waits] = await inspector.find(7);
    expect(held).toMatchObject({ scope: 'transaction', isGranted: true });
    expect(held).not.toHaveProperty('backend');
    expect(waits).toMatchObject({ backend: { pid: waiter.pid }, blockedBy: [0] });
    expect((await inspector.graph()).edges).toMatchObject([
      { waiter: waiter.pid, blocker: 0, because: 'holds' },
    ]);
    await expect(inspector.terminate(held as InspectedLock, { reason: 'test' })).rejects.toThrow(
      /ROLLBACK PREPARED/,
    );
    expect(await inspector.terminate(7n, { reason: 'test' })).toEqual([]);
    await client.query(`ROLLBACK PREPARED 'left'`);
    await waiting;
  });
});

describe('a role without privileges', () => {
  const role = `${database.name}_reader`;
  let url: string;
  beforeAll(async () => {
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'reader'`);
    defer(() => database.query(`DROP ROLE ${role}`));
    const own = new URL(database.url);
    own.username = role;
    own.password = 'reader';
    url = own.href;
  });

  it('sees less of others, not nothing', async () => {
    const { service } = createLocks(url);
    const inspector = new AdvisoryLockInspector(service);
    const client = await connect();
    await client.query('SELECT pg_advisory_lock(1)');
    const lock = await service.acquire('import');
    defer(() => lock.release());
    const [foreign] = await inspector.find(1);
    expect(foreign).toMatchObject({
      scope: 'session',
      backend: { pid: client.pid, applicationName: 'foreign' },
    });
    expect(foreign?.backend).not.toHaveProperty('id');
    expect(foreign?.backend).not.toHaveProperty('clientAddress');
    const waiting = connect(url).then(async (waiter) => waiter.query('SELECT pg_advisory_lock(1)'));
    await untilWaiting(inspector);
    expect(await inspector.waiters(1)).toMatchObject([
      { blockedBy: [client.pid], backend: { id: expect.any(String) } },
    ]);
    expect(await inspector.find('import')).toMatchObject([{ backend: { user: role, state: 'active' } }]);
    await client.query('SELECT pg_advisory_unlock_all()');
    await waiting;
  });

  it('cannot end others, names what is missing, and disturbs nothing', async () => {
    const { service } = createLocks(url);
    const inspector = new AdvisoryLockInspector(service);
    await using lock = await service.acquire('import');
    const client = await connect();
    await client.query('SELECT pg_advisory_lock(1)');
    await expect(inspector.terminate(1n, { reason: 'test' })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('pg_signal_backend'),
    });
    expect(await inspector.find(1)).toMatchObject([{ backend: { pid: client.pid } }]);
    lock.assertHeld();
  });
});

describe('a role that may end only its own backends', () => {
  const role = `${database.name}_ender`;
  let url: string;
  beforeAll(async () => {
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'ender'`);
    defer(() => database.query(`DROP ROLE ${role}`));
    const own = new URL(database.url);
    own.username = role;
    own.password = 'ender';
    url = own.href;
  });

  it('says which of several holders it has ended', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn');
    defer(() => {
      warn.mockRestore();
    });
    const inspector = new AdvisoryLockInspector(createLocks(url).service);
    const own = await connect(url);
    const foreign = await connect();
    for (const client of [own, foreign]) await client.query('SELECT pg_advisory_lock_shared(1)');
    const ended = new Promise((resolve) => own.once('end', resolve));
    await expect(inspector.terminate(1n, { reason: 'hangs' })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringMatching(
        new RegExp(`backend ${own.pid} was ended, and the backend ${foreign.pid} was not.*pg_signal_backend`),
      ),
    });
    await ended;
    expect(warn.mock.calls).toEqual([[`Backend ${own.pid}, which held the lock "1", was ended: hangs`]]);
    expect(await inspector.find(1)).toMatchObject([{ backend: { pid: foreign.pid } }]);
  });

  it('ends no holder by its pid alone, when it was listed without its start', async () => {
    const inspector = new AdvisoryLockInspector(createLocks(url).service);
    const foreign = await connect();
    await foreign.query('SELECT pg_advisory_lock(1)');
    const [listed] = await inspector.find(1);
    expect(listed?.backend).toEqual({
      pid: foreign.pid,
      applicationName: 'foreign',
      user: expect.any(String),
    });
    await expect(inspector.terminate(listed as InspectedLock, { reason: 'test' })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('pg_read_all_stats'),
    });
  });
});

describe('an inspector whose server goes away', () => {
  it('rejects with LOCK_CONNECTION, whatever the server says', async () => {
    const { inspector, engine } = inspected();
    for (const look of [
      () => inspector.list(),
      () => inspector.graph(),
      () => inspector.fleet({ withinMs: 0 }),
      () => inspector.terminate(1n, { reason: 'test' }),
    ]) {
      await inspector.list();
      // A statement that is in flight when the backend ends: it waits for a lock of the view.
      const admin = await connect();
      await admin.query('BEGIN; LOCK TABLE pg_catalog.pg_locks IN ACCESS EXCLUSIVE MODE');
      const looking = look();
      const rejected = expect(looking).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
      const [pid] = engine.backendPids;
      await untilBlocked(admin, pid ?? 0);
      await admin.query('SELECT pg_terminate_backend($1)', [pid]);
      await rejected;
      await admin.end();
    }
  });
});

describe('terminating', () => {
  it('ends the holder, which is notified, and the waiter gets the lock', async () => {
    const [holder, other] = [inspected(), inspected()];
    const lock = await holder.service.acquire('daily-report');
    const waiting = other.service.acquire('daily-report', { waitMs: Infinity });
    await untilWaiting(other.inspector);
    const [held] = await other.inspector.list({ name: 'daily-report', isGranted: true });
    expect(await other.inspector.terminate('daily-report', { reason: 'hangs' })).toEqual([pidOf(held)]);
    await using next = await waiting;
    next.assertHeld();
    await until(() => lock.signal.aborted, 'the holder is notified');
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
  });

  it.each(['none', 'transaction'] as const)('ends its own session too (pooler: %s)', async (pooler) => {
    const { inspector, service } = inspected({ pooler });
    const lock = await service.acquire('import');
    const [held] = await inspector.find('import');
    expect(await inspector.terminate('import', { reason: 'hangs' })).toEqual([pidOf(held)]);
    expect(lock.signal.reason).toMatchObject({
      code: 'LOCK_LOST',
      message: expect.stringContaining('by hand: hangs'),
    });
    await until(async () => (await database.advisoryLocks()).length === 0, 'its locks are free');
    const again = await service.acquire('import');
    defer(() => again.release());
  });

  it('ends one listed reader, and not the other', async () => {
    const { inspector } = inspected();
    const [one, other] = [await connect(), await connect()];
    for (const client of [one, other]) await client.query('SELECT pg_advisory_lock_shared(1)');
    const listed = await inspector.find(1);
    const target = listed.find((lock) => pidOf(lock) === one.pid) as InspectedLock;
    // As a page sends it back.
    const copy = JSON.parse(JSON.stringify(target)) as InspectedLock;
    expect(await inspector.terminate(copy, { reason: 'test' })).toEqual([one.pid]);
    await until(async () => (await inspector.find(1)).length === 1, 'it is gone');
    expect((await inspector.find(1)).map(pidOf)).toEqual([other.pid]);
  });

  it('ends no holder when the lock was released or changed hands in the meantime', async () => {
    const { inspector } = inspected();
    const [one, other] = [await connect(), await connect()];
    await one.query('SELECT pg_advisory_lock(1), pg_advisory_lock(2)');
    const [listed] = (await inspector.find(1)) as [InspectedLock];
    await one.query('SELECT pg_advisory_unlock(1)');
    expect(await inspector.terminate(listed, { reason: 'test' })).toEqual([]);
    await other.query('SELECT pg_advisory_lock(1)');
    expect(await inspector.terminate(listed, { reason: 'test' })).toEqual([]);
    expect(new Set((await inspector.list()).map(pidOf))).toEqual(new Set([one.pid, other.pid]));
  });

  it('ends no holder when an instance has released the lock and taken it again', async () => {
    const [holder, { inspector }] = [inspected(), inspected()];
    const first = await holder.service.acquire('import');
    const list = () => inspector.find('import', { fleetWithinMs: 30_000 }) as Promise<[InspectedLock]>;
    const [listed] = await list();
    await first.release();
    await using again = await holder.service.acquire('import');
    const [listedAnew] = await list();
    expect(pidOf(listedAnew)).toBe(pidOf(listed));
    expect(await inspector.terminate(listed, { reason: 'test' })).toEqual([]);
    again.assertHeld();
    expect(await inspector.terminate(listedAnew, { reason: 'test' })).toEqual([pidOf(listed)]);
    await until(() => again.signal.aborted, 'the holder is notified');
  });

  it('ends no holder when the pid belongs to another backend by now', async () => {
    const { inspector } = inspected();
    const client = await connect();
    await client.query('SELECT pg_advisory_lock(1)');
    const [listed] = (await inspector.find(1)) as [InspectedLock];
    const earlier = { ...listed, backend: { pid: client.pid, id: `${client.pid}@1735689600000000` } };
    expect(await inspector.terminate(earlier, { reason: 'test' })).toEqual([]);
    expect(await inspector.terminate(listed, { reason: 'test' })).toEqual([client.pid]);
  });

  it('ends a backend by its pid only if it holds an advisory lock of this database', async () => {
    const { inspector } = inspected();
    const [idle, holder] = [await connect(), await connect()];
    await holder.query('SELECT pg_advisory_lock(1, 2)');
    const waiting = idle.query('SELECT pg_advisory_lock(1, 2)');
    await untilWaiting(inspector);
    // A waiter does not hold.
    expect(await inspector.terminate(idle.pid, { reason: 'test' })).toEqual([]);
    expect(await inspector.terminate(holder.pid, { reason: 'test' })).toEqual([holder.pid]);
    await waiting;
  });

  it('wants a reason, and a holder', async () => {
    const { inspector } = inspected();
    await expect(inspector.terminate('import', { reason: '' })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
    const [holder, waiter] = [await connect(), await connect()];
    await holder.query('SELECT pg_advisory_lock(1)');
    const waiting = waiter.query('SELECT pg_advisory_lock(1)');
    const [waits] = (await untilWaiting(inspector)) as [InspectedLock];
    await expect(inspector.terminate(waits, { reason: 'test' })).rejects.toThrow(/waited for/);
    await holder.query('SELECT pg_advisory_unlock_all()');
    await waiting;
  });
});
