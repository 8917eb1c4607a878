import { beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { keySchemes } from '../../lib/core/index.js';
import { Dashboard } from '../../lib/dashboard/server/dashboard.js';
import { notifyStatement } from '../../lib/fleet/notify-statement.js';
import { askToRun, type RunOutcome } from '../../lib/fleet/run/ask-to-run.js';
import { jobDigest } from '../../lib/fleet/run/run-messages.js';
import { AdvisoryLockInspector } from '../../lib/nest/advisory-lock-inspector.js';
import { defer } from '../support/cleanup.js';
import { createLocks, type Locks, type LocksOptions } from '../support/locks.js';
import { cli } from '../support/run-cli.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

/** A role that may log in, and has been granted nothing. */
const role = `${database.name}_stranger`;
/** A role of the application that is no superuser, and so no member of that one. */
const plainRole = `${database.name}_plain`;

beforeAll(async () => {
  for (const each of [role, plainRole]) {
    defer(() => database.query(`DROP ROLE ${each}`));
    await database.query(`CREATE ROLE ${each} LOGIN PASSWORD 'stranger'`);
  }
});

function urlAs(user: string): string {
  const url = new URL(database.url);
  [url.username, url.password] = [user, 'stranger'];
  return url.href;
}

/** So long that a test fails if it continues only because the time is over. */
const withinMs = 30_000;

type Instance = Locks & { readonly inspector: AdvisoryLockInspector; readonly pid: number };

/** An instance of the application, which has connected and so listens. */
async function instance(
  instanceName: string,
  options: LocksOptions = {},
  { url = database.url, dataSource }: { url?: string; dataSource?: DataSource } = {},
): Promise<Instance> {
  const locks = createLocks(url, { ...options, instanceName }, dataSource);
  const inspector = new AdvisoryLockInspector(locks.service);
  await inspector.list();
  return { ...locks, inspector, pid: locks.engine.backendPids[0] ?? NaN };
}

const CHANNEL = 'nestjs_advisory_lock';

/** Counts its runs. */
interface Job {
  runs: number;
}

/** Gives the instance the job "report", which others may order. */
function withJob({ features }: Instance): Job {
  const job = { runs: 0 };
  features.jobs.known.add({
    lock: 'report',
    method: 'Reports.write',
    leader: undefined,
    isTimed: true,
    findTimes: undefined,
    claimMs: undefined,
    jitterMs: undefined,
    isRecorded: false,
    instance: {},
    methodName: 'write',
    call: () => Promise.resolve((job.runs += 1)),
  });
  return job;
}

/** Orders a run of the job, as `runNow()` and the command line do. */
function orderRun({ engine, fleet }: Instance, within = withinMs): Promise<RunOutcome> {
  return askToRun(engine.server, fleet.messages, {
    job: jobDigest('report'),
    waitMs: 0,
    withinMs: within,
  });
}

/** A run of the job, which the next tick would cancel. */
async function cancelableRun({ service, features }: Instance) {
  const lock = await service.acquire('report');
  defer(() => lock.release());
  const hold = lock.holdOf(lock.key.id);
  if (hold === undefined) throw new Error('it is not held');
  features.jobs.cancellations.add('report', 'write', hold);
  return lock;
}

const CANCEL = JSON.stringify({ kind: 'cancel', job: jobDigest('report\0write'), graceMs: 0 });

interface Forgery {
  readonly instance?: string;
  readonly backends?: readonly number[];
  readonly locks?: readonly object[];
}

/** A session of the stranger, or of the role of the application, that calls itself as it likes. */
async function stranger(
  calledInstance: string,
  { isOfApplication = false, applicationName = `nestjs-advisory-lock ${calledInstance}` } = {},
) {
  const connectionString = isOfApplication ? database.url : urlAs(role);
  const client = new pg.Client({ connectionString, application_name: applicationName });
  client.on('error', () => undefined);
  await client.connect();
  defer(() => client.end());
  const { processID: pid } = client as unknown as { processID: number };
  const notify = (channel: string, payload: string): Promise<unknown> =>
    // It may be ended meanwhile.
    client.query('SELECT pg_notify($1, $2)', [channel, payload]).catch(() => undefined);
  const heard: { readonly channel: string; readonly payload: string }[] = [];
  client.on('notification', ({ channel, payload = '' }) => heard.push({ channel, payload }));

  /** Responds to each question of the instance, at once. */
  const forge = async ({ pid: askerPid }: Instance, forgery: () => Forgery): Promise<void> => {
    await client.query('LISTEN nestjs_advisory_lock');
    client.on('notification', ({ channel, payload = '', processId }) => {
      if (channel !== 'nestjs_advisory_lock' || processId !== askerPid) return;
      const { id } = JSON.parse(payload) as { id: string };
      const report = { instance: calledInstance, backends: [pid], upMs: 1_000, locks: [], jobs: [] };
      const text = JSON.stringify({ ...report, ...forgery() });
      void notify(`nestjs_advisory_lock_${askerPid}`, `${id} 0/1 ${text}`);
    });
  };
  return { client, pid, notify, heard, forge };
}

describe('a role without grants that calls itself by the name of an instance', () => {
  it('does not mute it by responding first', async () => {
    const [asker, holder] = [await instance('asker'), await instance('holder')];
    await using lock = await holder.service.acquire('import');
    const liar = await stranger('holder');
    await liar.forge(asker, () => ({
      backends: [liar.pid, holder.pid],
      locks: [{ key: String(lock.key), name: 'import', heldMs: 900, waiters: 77 }],
    }));
    for (let look = 0; look < 5; look += 1) {
      const { reports, locks, silent } = await asker.inspector.fleet({ withinMs });
      expect(silent).toEqual([]);
      const ofHolder = reports.filter(({ backends }) => backends.includes(holder.pid));
      expect(ofHolder).toMatchObject([{ instance: 'holder', locks: [{ name: 'import' }] }]);
      expect(ofHolder[0]).not.toHaveProperty('isUnconfirmed');
      expect(reports.filter(({ isUnconfirmed }) => isUnconfirmed)).toMatchObject([{ backends: [liar.pid] }]);
      expect(locks).toMatchObject([{ instance: 'holder', name: 'import', heldMs: expect.any(Number) }]);
      expect(locks[0]).not.toHaveProperty('callsWaiting');
    }
  });

  it('neither hides its lock as a claim, nor names it, nor says since when it has it', async () => {
    const asker = await instance('asker');
    const liar = await stranger('web-2');
    // A formula of 31 bits, of which anyone finds a name for any key.
    const key = keySchemes['md5-31']('payroll');
    await liar.client.query('SELECT pg_advisory_lock($1)', [String(key)]);
    await liar.forge(asker, () => ({
      locks: [{ key: String(key), name: 'payroll', heldMs: 900, holdId: 3, isClaim: true, waiters: 2 }],
    }));
    const { locks } = await asker.inspector.fleet({ withinMs });
    expect(locks).toMatchObject([{ backend: { pid: liar.pid, user: role }, isUnconfirmed: true }]);
    for (const property of ['name', 'heldMs', 'holdId', 'isClaim', 'callsWaiting'])
      expect(locks[0]).not.toHaveProperty(property);
    expect(asker.engine.keys.knownNameOf(String(key))).toBeUndefined();
    const {
      locks: shown,
      counts,
      instances,
    } = await new Dashboard(asker.service, false).snapshot({
      search: '',
      limit: 10,
    });
    expect(counts).toMatchObject({ locks: 1, claims: 0 });
    expect(shown[0]?.holders).toMatchObject([{ pid: liar.pid, isUnconfirmed: true }]);
    expect(instances).toMatchObject([{ name: 'asker' }, { name: 'web-2', isUnconfirmed: true }]);
  });

  it('does not keep itself from being ended by saying that it took the lock again', async () => {
    const asker = await instance('asker');
    const liar = await stranger('web-2');
    await liar.client.query('SELECT pg_advisory_lock(7)');
    let holdId = 0;
    await liar.forge(asker, () => ({ locks: [{ key: '7', name: '7', heldMs: 900, holdId: (holdId += 1) }] }));
    const [holder] = await asker.inspector.list({ isGranted: true, fleetWithinMs: withinMs });
    if (holder === undefined) throw new Error('it holds no lock');
    // As it would be listed if it was believed.
    const listed = { ...holder, holdId: 1 };
    expect(await asker.inspector.terminate(listed, { reason: 'it lies' })).toEqual([liar.pid]);
    await until(async () => (await database.advisoryLocks()).length === 0, 'it has ended');
  });

  it('does not fill the room of others by reports that are never complete', async () => {
    const [asker, holder] = [await instance('asker'), await instance('holder')];
    await using lock = await holder.service.acquire('import');
    const liars = [await stranger('a'), await stranger('b')];
    await Promise.all(
      liars.map(async ({ client, notify }) => {
        await client.query('LISTEN nestjs_advisory_lock');
        client.on('notification', ({ payload = '', processId }) => {
          if (processId !== asker.pid) return;
          const { id } = JSON.parse(payload) as { id: string };
          const channel = `nestjs_advisory_lock_${asker.pid}`;
          for (let n = 0; n < 20; n += 1) void notify(channel, `${id} ${n}/128 ${'x'.repeat(7_900)}`);
        });
      }),
    );
    const { reports, silent } = await asker.inspector.fleet({ withinMs: 1_000 });
    expect(reports.map(({ instance: name }) => name)).toEqual(['asker', 'holder']);
    expect(silent).toHaveLength(2);
    lock.assertHeld();
  });
});

describe('an instance that reports that it took the lock again', () => {
  it('is not ended, and the dashboard says why', async () => {
    const [asker, holder] = [await instance('asker'), await instance('holder')];
    await (await holder.service.acquire('import')).release();
    const lock = await holder.service.acquire('import');
    const [listed] = await asker.inspector.list({ isGranted: true, fleetWithinMs: withinMs });
    await lock.release();
    await using again = await holder.service.acquire('import');
    const { key, backend, holdId } = listed ?? {};
    if (key === undefined || backend?.id === undefined || holdId === undefined) throw new Error('not listed');
    const request = { key, pid: backend.pid, backendId: backend.id, holdId, reason: 'it hangs' };
    const dashboard = new Dashboard(asker.service, true);
    expect(await dashboard.terminate(request, 'here')).toEqual({ ended: [], isRetaken: true });
    again.assertHeld();
  });
});

describe('a flood of questions', () => {
  it('gets no more than 500 kB a second, and takes no response from the fleet', async () => {
    const [asker, holder] = [await instance('asker'), await instance('holder')];
    const name = (n: number): string => `${'ключ'.repeat(60)}:${n}`;
    const locks = await Promise.all(Array.from({ length: 100 }, (_, n) => holder.service.acquire(name(n))));
    defer(() => Promise.all(locks.map((lock) => lock.release())));
    const sent: { readonly atMs: number; readonly length: number }[] = [];
    const { server } = holder.engine;
    const reply = server.reply.bind(server);
    server.reply = (statement) => {
      const [text] = statement.values ?? [];
      if (statement.text.includes('pg_notify')) {
        sent.push({ atMs: performance.now(), length: String(text).length });
      }
      return reply(statement);
    };
    const flood = await stranger('flood', { applicationName: 'psql' });
    for (let round = 0; round < 3; round += 1) {
      await flood.client.query(
        `SELECT pg_notify('nestjs_advisory_lock', '{"id":"q${round}-' || n || '","keys":[]}')
        FROM generate_series(1, 300) AS n`,
      );
      const count = sent.length;
      await until(() => sent.length > count, 'it responds');
    }
    // The parts are sent inside a JSON text, in which a quotation mark takes two characters; one second's
    // budget may be spent at once.
    const [first, last] = [sent[0], sent.at(-1)];
    const elapsedMs = (last?.atMs ?? NaN) - (first?.atMs ?? NaN);
    const before = sent.slice(0, -1).reduce((sum, { length }) => sum + length, 0);
    expect(before).toBeLessThan((elapsedMs + 1_500) * 1_000);
    expect(holder.fleet.droppedCount).toBeGreaterThan(500);
    expect((await asker.inspector.find(name(7), { fleetWithinMs: withinMs }))[0]).toMatchObject({
      instance: 'holder',
      heldMs: expect.any(Number),
    });
  });
});

describe('a flood of wake-up notices', () => {
  it('is forgotten for keys that are not used, is not all read, and delays no lock', async () => {
    const [holder, waiter] = [await instance('holder'), await instance('waiter')];
    const flood = await stranger('flood', { applicationName: 'psql' });
    const send = (sql: string): Promise<unknown> => flood.client.query(sql);
    const dropped = (count: number): Promise<void> =>
      until(() => holder.fleet.droppedCount >= count, `${count} are dropped`);
    let reported = 0;
    const { server } = holder.engine;
    const query = server.query.bind(server);
    server.query = (statement) => {
      if (statement.values?.some((value) => String(value).includes('wake-ups'))) reported += 1;
      return query(statement);
    };

    const key = String(holder.engine.keys.keyOf('import'));
    const notice = `'{"kind":"wake-ups","wanted":["${key}"],"freed":["' || n || '"]}'`;
    await send(`SELECT pg_notify('nestjs_advisory_lock', ${notice}) FROM generate_series(1, 5) AS n`);
    await send(`NOTIFY nestjs_advisory_lock, 'that is no question'`);
    await dropped(1);
    await holder.service.withLock('import', () => undefined);
    expect(reported).toBe(0);

    const held = await holder.service.acquire('import');
    const waiting = waiter.service.acquire('import', { waitMs: withinMs });
    await send(`SELECT pg_notify('nestjs_advisory_lock', ${notice}) FROM generate_series(1, 5_000) AS n`);
    await dropped(4_000);
    await held.release();
    await (await waiting).release();
    expect(reported).toBeLessThanOrEqual(1);
  });
});

describe('what a role without grants sends about jobs', () => {
  it('is not obeyed, costs a query, and keeps no one from ordering', async () => {
    const [asker, holder] = [await instance('asker'), await instance('holder')];
    const job = withJob(holder);
    const lock = await cancelableRun(holder);
    const flood = await stranger('flood', { applicationName: 'psql' });
    await flood.client.query(`LISTEN ${CHANNEL}_${flood.pid}`);
    let checks = 0;
    const { server } = holder.engine;
    const query = server.query.bind(server);
    server.query = (statement) => {
      if (statement.text.includes('pg_has_role')) checks += 1;
      return query(statement);
    };
    for (const payload of [
      `'{"kind":"run","id":"r' || n || '","job":"${jobDigest('report')}"}'`,
      `'${CANCEL.slice(0, -1)},"n":' || n || '}'`,
    ]) {
      await flood.client.query(
        `SELECT pg_notify('${CHANNEL}', ${payload}) FROM generate_series(1, 500) AS n`,
      );
    }
    expect(await orderRun(asker)).toMatchObject({ end: 'done', instance: 'holder' });
    expect(job.runs).toBe(1);
    // One for each of both senders.
    expect(checks).toBe(2);
    expect(holder.fleet.droppedCount).toBeGreaterThan(300);
    expect(flood.heard).toEqual([]);
    lock.assertHeld();
  });

  it('does not bring an asker to believe that the job has run', async () => {
    const [asker, holder] = [
      await instance('asker', {}, { url: urlAs(plainRole) }),
      await instance('holder', {}, { url: urlAs(plainRole) }),
    ];
    const job = withJob(holder);
    const liar = await stranger('liar', { applicationName: 'psql' });
    await liar.client.query(`LISTEN ${CHANNEL}`);
    liar.client.on('notification', ({ payload = '', processId }) => {
      if (processId !== asker.pid) return;
      const { id } = JSON.parse(payload) as { id: string };
      const offer = `'{"kind":"run-offer","id":"${id}","offer":"o' || n || '","instance":"liar"}'`;
      const end = `'{"kind":"run-end","id":"${id}","end":"done","n":' || n || '}'`;
      void liar.client.query(
        `SELECT pg_notify('${CHANNEL}_${asker.pid}', ${offer}), pg_notify('${CHANNEL}_${asker.pid}', ${end})
        FROM generate_series(1, 40) AS n`,
      );
    });
    for (const runs of [1, 2, 3]) {
      expect(await orderRun(asker)).toMatchObject({ end: 'done', instance: 'holder' });
      expect(job.runs).toBe(runs);
    }
  });
});

describe('a flood of notices about pauses', () => {
  it('keeps no tick from running', async () => {
    const dataSource = await new DataSource({ type: 'postgres', url: database.url }).initialize();
    defer(() => dataSource.destroy());
    const { engine, features } = await instance('holder', {}, { dataSource });
    const flood = await stranger('flood', { applicationName: 'psql' });
    let reads = 0;
    const query = dataSource.query.bind(dataSource);
    // The next notice arrives before the table has been read.
    dataSource.query = async <T>(sql: string, values?: unknown[]): Promise<T> => {
      const noticed = new Promise((resolve) => engine.onNotification(resolve));
      await flood.notify(CHANNEL, '{"kind":"jobs"}');
      await noticed;
      reads += 1;
      return query<T>(sql, values);
    };
    expect(await features.jobs.pauses.pauseAt('report', Date.now())).toBeUndefined();
    expect(reads).toBeLessThanOrEqual(2);
  });
});

describe('an instance that stops listening for a while', () => {
  it('hears nothing meanwhile, holds its locks, and takes part again later', async () => {
    const [asker, holder] = [await instance('asker'), await instance('holder')];
    await using lock = await holder.service.acquire('import');
    const { server } = holder.engine;
    const before = await server.listener();
    expect(before).toBeDefined();
    await server.pauseListening(100);
    expect(await server.listener()).toBeUndefined();
    await until(() => server.isListening(), 'it listens again');
    expect(await server.listener()).not.toBe(before);
    const { silent, locks } = await asker.inspector.fleet({ withinMs });
    expect(silent).toEqual([]);
    expect(locks).toMatchObject([{ instance: 'holder', name: 'import', heldMs: expect.any(Number) }]);
    lock.assertHeld();

    await server.pauseListening(3_600_000);
    const { silent: deaf } = await asker.inspector.fleet({ withinMs: 300 });
    expect(deaf).toMatchObject([{ instance: 'holder' }]);
    const channels = { text: 'SELECT pg_catalog.pg_listening_channels()' };
    expect(await server.query(channels)).toEqual([]);
    // Neither does the connection that takes its place.
    holder.engine.failSession(new Error('a flood'));
    await until(() => lock.signal.aborted, 'it is lost');
    expect(await server.isListening()).toBe(false);
    expect(await server.query(channels)).toEqual([]);
    await server.pauseListening(100);
    await until(() => server.isListening(), 'it listens again');
    expect(await server.query(channels)).toHaveLength(2);
  });
});

describe('a look that is under way', () => {
  it('ends with the module', async () => {
    const asker = await instance('asker');
    await stranger('silent');
    const { server } = asker.engine;
    const query = server.query.bind(server);
    const closed = new Promise<void>((resolve) => {
      server.query = async (statement) => {
        const rows = await query(statement);
        // The question has been sent, and the look waits.
        setImmediate(() => {
          void asker.close().then(resolve);
        });
        return rows;
      };
    });
    expect(await asker.inspector.fleet({ withinMs: 60_000 })).toMatchObject({
      reports: [{ instance: 'asker' }],
      silent: [{ instance: 'silent' }],
    });
    await closed;
  });
});

describe('a fleet with a secret', () => {
  const signed = { fleetSecret: 'a secret of the fleet' };

  it('confirms signed reports alone, of any age of the secret', async () => {
    const asker = await instance('asker', { fleetSecret: ['a new secret', signed.fleetSecret] });
    const holder = await instance('holder', signed);
    const newer = await instance('newer', { fleetSecret: ['a new secret', signed.fleetSecret] });
    await using lock = await holder.service.acquire('import');
    const liar = await stranger('liar', { isOfApplication: true });
    await liar.forge(asker, () => ({ backends: [liar.pid, holder.pid] }));
    // `holder` does not know the new secret, by which `asker` signs.
    const seen = await newer.inspector.fleet({ withinMs: 300 });
    expect(seen.silent.map(({ instance: name }) => name).sort()).toEqual(['holder', 'liar']);
    const old = await instance('old', { fleetSecret: [signed.fleetSecret, 'a new secret'] });
    const { reports, locks } = await old.inspector.fleet({ withinMs: 1_000 });
    expect(reports.map(({ instance: name }) => name).sort()).toEqual(['asker', 'holder', 'newer', 'old']);
    expect(reports.filter(({ isUnconfirmed }) => isUnconfirmed)).toEqual([]);
    expect(locks).toMatchObject([{ name: 'import', instance: 'holder', key: { id: String(lock.key) } }]);
    await until(async () => {
      const { reports: seenByAsker } = await asker.inspector.fleet({ withinMs: 300 });
      const ofLiar = seenByAsker.find(({ instance: name }) => name === 'liar');
      if (ofLiar !== undefined) expect(ofLiar).toMatchObject({ backends: [liar.pid], isUnconfirmed: true });
      return ofLiar !== undefined;
    }, 'the liar is heard');
  });

  it('tells nothing to an asker without it, nor to one that sends a question of another again', async () => {
    const [asker, holder] = [await instance('asker', signed), await instance('holder', signed)];
    await using lock = await holder.service.acquire('import');
    const curious = await stranger('curious', { applicationName: 'psql' });
    await curious.client.query('LISTEN nestjs_advisory_lock');
    await curious.client.query(`LISTEN nestjs_advisory_lock_${curious.pid}`);
    await curious.notify('nestjs_advisory_lock', '{"id":"q1","keys":[]}');
    await asker.inspector.fleet({ withinMs: 500 });
    await until(() => curious.heard.some(({ payload }) => payload.includes('signature')), 'it heard one');
    const { payload = '' } = curious.heard.find((each) => each.payload.includes('signature')) ?? {};
    const before = holder.fleet.droppedCount;
    await curious.notify('nestjs_advisory_lock', payload);
    await until(() => holder.fleet.droppedCount > before, 'the holder has read it');
    const { reports } = await asker.inspector.fleet({ withinMs });
    expect(reports.map(({ instance: name }) => name)).toEqual(['asker', 'holder']);
    expect(curious.heard.filter(({ channel }) => channel !== 'nestjs_advisory_lock')).toEqual([]);
    lock.assertHeld();
  });

  it('obeys signed orders alone, once, and believes signed results alone', async () => {
    const asker = await instance('asker', { fleetSecret: ['a new secret', signed.fleetSecret] });
    const holder = await instance('holder', { fleetSecret: [signed.fleetSecret, 'a new secret'] });
    const job = withJob(holder);
    const lock = await cancelableRun(holder);
    const liar = await stranger('liar', { isOfApplication: true });
    for (const channel of [CHANNEL, ...[liar, holder].map(({ pid }) => `${CHANNEL}_${pid}`)])
      await liar.client.query(`LISTEN ${channel}`);
    liar.client.on('notification', ({ payload = '', processId }) => {
      const { kind, id } = JSON.parse(payload) as { kind: string; id: string };
      if (kind !== 'run' || processId !== asker.pid) return;
      for (const more of [
        { kind: 'run-offer', offer: 'o1', instance: 'liar' },
        { kind: 'run-begun' },
        { kind: 'run-end', end: 'done' },
      ])
        void liar.notify(`${CHANNEL}_${asker.pid}`, JSON.stringify({ ...more, id }));
    });
    expect(await orderRun(asker)).toMatchObject({ end: 'done', instance: 'holder' });
    expect(job.runs).toBe(1);
    await until(() => asker.fleet.droppedCount >= 3, 'what the liar has sent is dropped');

    // Unsigned orders of the same role, and signed ones that another backend has sent.
    const run = JSON.stringify({ kind: 'run', id: 'r1', job: jobDigest('report') });
    const ordered = liar.heard.filter(({ payload }) => /"kind":"run(-start)?"/.test(payload));
    expect(ordered).toHaveLength(2);
    const before = [asker, holder].map(({ fleet }) => fleet.droppedCount);
    for (const payload of [run, CANCEL]) await liar.notify(CHANNEL, payload);
    for (const { channel, payload } of ordered) await liar.notify(channel, payload);
    await until(() => holder.fleet.droppedCount >= (before[1] ?? 0) + 4, 'the holder drops them');
    await until(() => asker.fleet.droppedCount >= (before[0] ?? 0) + 3, 'so does the asker');
    lock.assertHeld();

    // A backend may get the pid of an earlier one.
    for (const { channel, payload } of ordered)
      await asker.engine.server.query(notifyStatement(channel, payload));
    const other = await instance('other', { fleetSecret: 'another secret' });
    expect(await orderRun(other, 300)).toEqual({ end: 'none' });
    expect(await orderRun(asker)).toMatchObject({ end: 'done', instance: 'holder' });
    expect(job.runs).toBe(2);

    const trigger = (secret: string, within: string) =>
      cli(['trigger', 'report', '--within', within], {
        DATABASE_URL: database.url,
        ADVISORY_LOCK_FLEET_SECRET: secret,
      });
    expect(await trigger('', '300ms')).toMatchObject({ status: 68 });
    expect(await trigger(signed.fleetSecret, '30s')).toMatchObject({ status: 0 });
    expect(job.runs).toBe(3);
    expect(liar.heard.filter(({ channel }) => channel === `${CHANNEL}_${liar.pid}`)).toEqual([]);

    await asker.features.jobs.cancellations.cancel('report', 'write', 0);
    await until(() => lock.signal.aborted, 'the run is canceled');
  });
});
