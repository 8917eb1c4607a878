import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { AdvisoryLockInspector } from '../../lib/nest/advisory-lock-inspector.js';
import { defer } from '../support/cleanup.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { startServer, useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

/** So long that a test fails if it continues only because the time is over. */
const withinMs = 30_000;
const fleetWithinMs = withinMs;

function instance(instanceName: string, options: LocksOptions = {}, url = database.url) {
  const locks = createLocks(url, { ...options, instanceName });
  return { ...locks, inspector: new AdvisoryLockInspector(locks.service) };
}

type Instance = ReturnType<typeof instance>;

/** One that has connected, and so listens. */
async function upInstance(name: string, options?: LocksOptions, url?: string): Promise<Instance> {
  const created = instance(name, options, url);
  await created.inspector.list();
  return created;
}

/** A client that can connect to the database, and writes anything on the channels. */
async function stranger(applicationName = 'stranger') {
  const client = new pg.Client({ connectionString: database.url, application_name: applicationName });
  await client.connect();
  client.on('error', () => undefined);
  defer(() => client.end());
  const received: pg.Notification[] = [];
  client.on('notification', (notification) => received.push(notification));
  const pid = (client as unknown as { processID: number }).processID;
  const notify = (channel: string, payload: string): Promise<unknown> =>
    client.query('SELECT pg_notify($1, $2)', [channel, payload]);
  return { client, pid, received, notify };
}

const namesOf = (reports: readonly { instance: string }[]): string[] =>
  reports.map(({ instance: name }) => name).sort();

const ownPid = ({ engine }: Instance): number => engine.backendPids[0] ?? NaN;

describe('without asking', () => {
  it('it is known which instance holds a lock', async () => {
    const [one, other] = [instance('web-1:1'), instance('web-2:1')];
    await using lock = await one.service.acquire('import');
    expect(await other.inspector.list()).toMatchObject([
      {
        key: { id: String(lock.key) },
        instance: 'web-1:1',
        backend: { instance: 'web-1:1', applicationName: 'nestjs-advisory-lock web-1:1' },
      },
    ]);
  });
});

describe('the fleet', () => {
  it('hears of an instance that was idle for long, which then takes locks on another session', async () => {
    const [asker, idle] = [
      await upInstance('asker'),
      await upInstance('idle', { heartbeatMs: 100, lostAfterMs: 300 }),
    ];
    const pid = ownPid(idle);
    await until(() => idle.engine.pulse?.isRecent === false, 'it has been idle for long');
    const { reports, silent } = await asker.inspector.fleet({ withinMs });
    expect([namesOf(reports), silent]).toEqual([['asker', 'idle'], []]);
    expect(ownPid(idle)).toBe(pid);

    // Its server may have been replaced by another primary while it was idle.
    await idle.service.withLock('import', () => {
      expect(ownPid(idle)).not.toBe(pid);
    });
  });

  it('reports names, since when a lock is held, and how many calls wait', async () => {
    const [asker, holder, waiter] = [
      await upInstance('asker'),
      await upInstance('holder'),
      await upInstance('waiter'),
    ];
    const lock = await holder.service.acquire('daily-report');
    const waits = [1, 2, 3].map(() => waiter.service.acquire('daily-report', { waitMs: Infinity }));
    waits.push(holder.service.acquire('daily-report', { waitMs: Infinity }));
    await until(async () => (await asker.inspector.list({ isGranted: false })).length === 1, 'it waits');
    expect((await asker.inspector.list())[0]).not.toHaveProperty('name');

    expect(await asker.inspector.list({ fleetWithinMs })).toMatchObject([
      {
        name: 'daily-report',
        instance: 'holder',
        isGranted: true,
        heldMs: expect.any(Number),
        holdId: expect.any(Number),
        callsWaiting: 1,
      },
      { name: 'daily-report', instance: 'waiter', isGranted: false, callsWaiting: 3 },
    ]);
    // Reported names are remembered.
    expect(await asker.inspector.list()).toMatchObject([{ name: 'daily-report' }, { name: 'daily-report' }]);
    const { edges } = await asker.inspector.graph({ fleetWithinMs });
    expect(edges).toMatchObject([{ name: 'daily-report', because: 'holds' }]);

    const served = Promise.all(waits.map(async (wait) => (await wait).release()));
    await lock.release();
    await served;
  });

  it('is queried in full at once, including instances without locks', async () => {
    const asker = await upInstance('asker');
    await Promise.all(['a', 'b', 'c'].map((name) => upInstance(name)));
    const statements: string[] = [];
    const { server } = asker.engine;
    const query = server.query.bind(server);
    server.query = (statement) => {
      statements.push(statement.text);
      return query(statement);
    };
    const { reports, silent, locks, isAsked, database: name } = await asker.inspector.fleet({ withinMs });
    expect({ isAsked, locks, silent, name }).toEqual({
      isAsked: true,
      locks: [],
      silent: [],
      name: database.name,
    });
    expect(namesOf(reports)).toEqual(['a', 'asker', 'b', 'c']);
    expect(reports[0]).toEqual({
      instance: 'asker',
      backends: [ownPid(asker)],
      upMs: expect.any(Number),
      locks: [],
      prefix: '',
      jobs: [],
    });
    expect(statements).toHaveLength(1);
  });

  it('reports calls that wait without a connection of their own', async () => {
    const [asker, holder, waiter] = [
      await upInstance('asker'),
      await upInstance('holder'),
      await upInstance('waiter', { maxConnections: 1 }),
    ];
    await using lock = await holder.service.acquire('import');
    const stop = new AbortController();
    const waiting = waiter.service.acquire('import', { waitMs: Infinity, signal: stop.signal });
    const { locks, reports } = await asker.inspector.fleet({ withinMs, name: 'import' });
    expect(locks).toMatchObject([{ isGranted: true, key: { id: String(lock.key) } }]);
    expect(reports.find(({ instance: name }) => name === 'waiter')?.locks).toEqual([
      { key: String(lock.key), name: 'import', waiters: 1, waitedMs: expect.any(Number) },
    ]);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  it('knows names of other namespaces, of permits and claims, in any alphabet and encoding', async () => {
    const latin = `${database.name}_latin`;
    await database.query(
      `CREATE DATABASE ${latin} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
    );
    defer(() => database.query(`DROP DATABASE ${latin} WITH (FORCE)`));
    const url = new URL(database.url);
    url.pathname = `/${latin}`;
    const asker = await upInstance('asker', {}, url.href);
    const holder = await upInstance('holder', { namespace: 'shop' }, url.href);
    await using one = await holder.service.acquire("l'été 🌍\0");
    await using two = await holder.service.acquire('pool', { permits: 3 });
    await using three = await holder.service.acquire('pool', { permits: 3 });
    const { claims, keys } = holder.engine;
    const claimKey = keys.claimKeyOf('job', '2030-01-01T00:00:00Z');
    await claims.make(claimKey, { keepMs: 60_000, isRemembered: false });
    const locks = await asker.inspector.list({ fleetWithinMs });
    const names = locks.map(({ name }) => name ?? '');
    expect(names).toHaveLength(4);
    expect(locks.filter(({ isClaim }) => isClaim)).toMatchObject([{ name: 'shop:job@2030-01-01T00:00:00Z' }]);
    for (const name of ["shop:l'été 🌍\0", 'shop:job@2030-01-01T00:00:00Z']) expect(names).toContain(name);
    expect(names.filter((name) => /^shop:pool(#[12])?$/.test(name))).toHaveLength(2);
    for (const lock of [one, two, three]) lock.assertHeld();
  });

  it('is not waited for when it has gone', async () => {
    const [asker, other] = [await upInstance('asker'), await upInstance('other')];
    await other.close();
    const { reports, silent } = await asker.inspector.fleet({ withinMs });
    expect(namesOf(reports)).toEqual(['asker']);
    expect(silent).toEqual([]);
  });

  it('listens again after its connection was ended', async () => {
    const [asker, other] = [await upInstance('asker'), await upInstance('other')];
    const before = ownPid(other);
    await database.query('SELECT pg_terminate_backend($1)', [before]);
    await until(() => other.engine.backendPids.length === 0, 'it is noticed');
    await using lock = await other.service.acquire('import');
    expect(ownPid(other)).not.toBe(before);
    expect(await asker.inspector.list({ fleetWithinMs })).toMatchObject([
      { name: 'import', instance: 'other', key: { id: String(lock.key) } },
    ]);
  });
});

describe('an instance that does not join the fleet', () => {
  it('does not listen, is silent, and is waited for once', async () => {
    const [asker, apart] = [await upInstance('asker'), await upInstance('apart', { joinsFleet: false })];
    const channels = { text: 'SELECT pg_listening_channels()' };
    expect(await apart.engine.server.query(channels)).toEqual([]);
    expect((await asker.engine.server.query(channels)).sort()).toEqual([
      'nestjs_advisory_lock',
      `nestjs_advisory_lock_${ownPid(asker)}`,
    ]);
    const silent = [{ pid: ownPid(apart), instance: 'apart' }];
    expect(await asker.inspector.fleet({ withinMs: 100 })).toMatchObject({ isAsked: true, silent });
    // This would take long if it was waited for.
    expect(await asker.inspector.fleet({ withinMs })).toMatchObject({ isAsked: true, silent });
    await using lock = await apart.service.acquire('import');
    expect(await apart.inspector.fleet({ withinMs })).toMatchObject({
      isAsked: false,
      locks: [{ name: 'import', heldMs: expect.any(Number), key: { id: String(lock.key) } }],
      reports: [{ instance: 'apart' }],
      silent: [{ instance: 'asker' }],
    });
  });
});

describe('10,000 locks', () => {
  it('are cut down to those held longest, waited for, or asked about', async () => {
    const { url } = await startServer(['-c', 'max_locks_per_transaction=400']);
    const [asker, holder] = [await upInstance('asker', {}, url), await upInstance('holder', {}, url)];
    const oldest = await holder.service.acquire('lock:0');
    await until(() => Date.now() > oldest.acquiredAt.getTime(), 'the clock has moved');
    const names = Array.from({ length: 9_999 }, (_, n) => `lock:${n + 1}`);
    const holds = await Promise.all(names.map((name) => holder.service.acquire(name)));
    const waiting = holder.service.acquire('lock:7777', { waitMs: Infinity });

    const { locks, reports } = await asker.inspector.fleet({ withinMs });
    expect(locks).toHaveLength(10_000);
    const reported = reports[1]?.locks ?? [];
    expect(reported).toHaveLength(500);
    expect(reported[0]).toMatchObject({ name: 'lock:7777', waiters: 1 });
    expect(reported.map(({ name }) => name)).toContain('lock:0');
    expect(locks.filter(({ heldMs }) => heldMs !== undefined)).toHaveLength(500);

    const { reports: one } = await asker.inspector.fleet({ withinMs, name: 'lock:9999' });
    expect(one[1]?.locks).toMatchObject([{ name: 'lock:9999', heldMs: expect.any(Number) }]);
    expect(await asker.inspector.find('lock:9998', { fleetWithinMs })).toMatchObject([
      { name: 'lock:9998', instance: 'holder', heldMs: expect.any(Number) },
    ]);
    await Promise.all(holds.map((lock) => lock.release()));
    await (await waiting).release();
  });
});

describe('a stranger on the channel', () => {
  it('does no harm, and gets no more than ten replies a second', async () => {
    const [one, other] = [await upInstance('one'), await upInstance('other')];
    await using lock = await one.service.acquire('import');
    const { client, pid, received, notify } = await stranger();
    await client.query(`LISTEN nestjs_advisory_lock_${pid}`);
    const repliedAt: number[] = [];
    const { server } = one.engine;
    const reply = server.reply.bind(server);
    server.reply = (statement) => {
      repliedAt.push(performance.now());
      return reply(statement);
    };
    const hostile = ['', '{', 'null', '{"id":{},"keys":1}', `{"id":"q","keys":"${'x'.repeat(7_900)}"}`];
    for (const channel of ['nestjs_advisory_lock', `nestjs_advisory_lock_${ownPid(one)}`])
      for (const payload of hostile) await notify(channel, payload);
    expect(repliedAt).toEqual([]);
    const ask = (from: number) =>
      client.query(
        `SELECT pg_notify('nestjs_advisory_lock', '{"id":"q' || n || '","keys":[]}')
          FROM generate_series($1::int, $1 + 299) AS n`,
        [from],
      );
    for (let batch = 0; batch < 5; batch += 1) {
      const count = repliedAt.length;
      await ask(batch * 1_000);
      await until(() => repliedAt.length > count, 'it replies');
    }
    const pauses = repliedAt.slice(1).map((at, n) => at - (repliedAt[n] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThan(95);
    await until(() => received.length > 0, 'a reply has arrived');
    expect(received.length).toBeLessThanOrEqual(2 * 16 * (repliedAt.length + 5));
    lock.assertHeld();
    expect(await other.inspector.list()).toMatchObject([{ instance: 'one' }]);
    expect((await other.inspector.list({ fleetWithinMs }))[0]).toMatchObject({ name: 'import' });
  });

  it('cannot invent names for keys, nor report for instances that do so themselves', async () => {
    const [asker, holder] = [await upInstance('asker'), await upInstance('holder')];
    await using lock = await holder.service.acquire('import');
    const { client, pid, received, notify } = await stranger('nestjs-advisory-lock liar');
    await client.query('SELECT pg_advisory_lock(7)');
    await client.query('LISTEN nestjs_advisory_lock');
    const looking = asker.inspector.fleet({ withinMs });
    await until(() => received.length > 0, 'the query has arrived');
    const { id } = JSON.parse(received[0]?.payload ?? '') as { id: string };
    const report = {
      instance: 'liar',
      backends: [pid, ownPid(holder), ownPid(asker)],
      upMs: 1,
      locks: [
        { key: '7', name: 'evil', heldMs: 1 },
        { key: String(lock.key), name: 'evil', heldMs: 1_000_000 },
      ],
      jobs: [],
    };
    await notify(`nestjs_advisory_lock_${ownPid(asker)}`, `${id} 0/1 ${JSON.stringify(report)}`);
    const { locks } = await looking;
    expect(locks).toHaveLength(2);
    const [held, lie] = [lock.key.id, '7'].map((key) => locks.find((each) => each.key.id === key));
    expect(held).toMatchObject({ name: 'import', instance: 'holder' });
    expect(held?.heldMs).toBeLessThan(1_000_000);
    expect(lie).toMatchObject({ instance: 'liar', heldMs: 1 });
    expect(lie).not.toHaveProperty('name');
  });
});

describe('a role without permission to notify', () => {
  it('sees the locks all the same, and which instances there are', async () => {
    const role = `${database.name}_mute`;
    await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'mute'`);
    defer(() => database.query(`DROP ROLE ${role}`));
    await database.query('REVOKE EXECUTE ON FUNCTION pg_notify FROM PUBLIC');
    defer(() => database.query('GRANT EXECUTE ON FUNCTION pg_notify TO PUBLIC'));
    const url = new URL(database.url);
    [url.username, url.password] = [role, 'mute'];
    const [mute, other] = [await upInstance('mute', {}, url.href), await upInstance('other')];
    await using lock = await mute.service.acquire('import');
    expect(await mute.inspector.fleet({ withinMs })).toMatchObject({
      isAsked: false,
      locks: [{ name: 'import', instance: 'mute' }],
      reports: [{ instance: 'mute' }],
      silent: [{ instance: 'other' }],
    });
    expect(await other.inspector.fleet({ withinMs: 200 })).toMatchObject({ silent: [{ instance: 'mute' }] });
    lock.assertHeld();
  });
});

describe('how long to wait', () => {
  it.each([-1, 0.5, 60_001, NaN, '500' as never])('cannot be %p', async (ms) => {
    const { inspector } = instance('asker');
    const refused = { code: 'LOCK_CONFIGURATION', message: expect.stringContaining('ithinMs') };
    await expect(inspector.list({ fleetWithinMs: ms })).rejects.toMatchObject(refused);
    await expect(inspector.fleet({ withinMs: ms })).rejects.toMatchObject(refused);
  });
});
