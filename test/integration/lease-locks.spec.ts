import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADVISORY_LEASE_SQL, type AdvisoryLockService } from 'nestjs-advisory-lock';
import pg from 'pg';
import type { LockNames } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { openDataSource } from '../support/data-source.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

const RESPECT = { respectLeases: true } as const;
const LEASE = { ttlMs: 60_000, ...RESPECT };
const BUSY = { code: 'LOCK_UNAVAILABLE' };

/** As of a process of its own. */
async function createService(options: LocksOptions = {}): Promise<AdvisoryLockService> {
  const dataSource = await openDataSource(database.url, { poolSize: 2 });
  return createLocks(database.url, { namespace: 'shop', ...options }, dataSource).service;
}

const createTwo = () => Promise.all([createService(), createService()]);

const passOnServer = (interval: string) =>
  database.query('UPDATE advisory_lease SET expires_at = expires_at - $1::interval', [interval]);

async function openClient(): Promise<pg.Client> {
  const client = new pg.Client(database.url);
  await client.connect();
  defer(() => client.end());
  return client;
}

const untilBlocked = () =>
  until(async () => {
    const [row] = await database.query<{ count: string }>(
      `SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%advisory_lease%'`,
    );
    return row?.count === '1';
  }, 'a statement waits for a lock');

beforeAll(() => database.query(ADVISORY_LEASE_SQL));
afterEach(() => database.query('TRUNCATE advisory_lease'));

describe('a lock that respects leases', () => {
  it('is busy in all its forms while a lease of its name lasts, and free after it', async () => {
    const [one, other] = await createTwo();
    const lease = await one.lease('doc', LEASE);
    await expect(other.withLock('doc', () => undefined, RESPECT)).rejects.toMatchObject(BUSY);
    expect(await other.tryWithLock('doc', () => undefined, RESPECT)).toEqual({ acquired: false });
    await expect(one.acquire('doc', { ...RESPECT, waitMs: 30 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
    expect(await one.tryAcquire('doc', { ...RESPECT, mode: 'shared' })).toBeUndefined();
    expect(await database.advisoryLocks()).toEqual([]);
    await (await other.acquire('doc')).release();
    await (await other.acquire('free', RESPECT)).release();
    await lease.release();
    expect(await other.tryWithLock('doc', () => 1, RESPECT)).toEqual({ acquired: true, value: 1 });
  });

  it('waits for the end of the lease, first come, first served, and others wait behind no one', async () => {
    const service = await createService();
    const lease = await service.lease('doc', LEASE);
    const served: number[] = [];
    const waiting = Array.from({ length: 10 }, (_, n) =>
      service.withLock('doc', () => served.push(n), { ...RESPECT, waitMs: 30_000 }),
    );
    await service.withLock('doc', () => served.push(-1), { waitMs: 30_000 });
    await lease.release();
    await Promise.all(waiting);
    expect(served).toEqual([-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('waits until its signal aborts or the application shuts down', async () => {
    const locks = createLocks(database.url, {}, await openDataSource(database.url));
    await locks.service.lease('doc', LEASE);
    const controller = new AbortController();
    const options = { ...RESPECT, waitMs: Infinity };
    const aborted = locks.service.acquire('doc', { ...options, signal: controller.signal });
    const closed = locks.service.acquire('doc', options);
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const outcome = expect(closed).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    await locks.close();
    await outcome;
  });

  it('publishes one request, not its attempts', async () => {
    const service = await createService();
    const lease = await service.lease('doc', LEASE);
    const seen: string[] = [];
    let onWaiting = (): void => undefined;
    const isWaiting = new Promise<void>((resolve) => {
      onWaiting = resolve;
    });
    defer(
      service.events.on('*', ({ type }) => {
        seen.push(type);
        if (type === 'waiting') onWaiting();
      }),
    );
    expect(await service.tryAcquire('doc', RESPECT)).toBeUndefined();
    const waiting = service.withLock('doc', () => undefined, { ...RESPECT, waitMs: 30_000 });
    await isWaiting;
    await lease.release();
    await waiting;
    expect(seen).toEqual(['busy', 'waiting', 'acquired', 'released']);
  });

  it('ends a lease whose time is over for good, though the clock of the server is set back', async () => {
    const [one, other] = await createTwo();
    const lease = await one.lease('doc', LEASE);
    await passOnServer('61 s');
    const lock = await other.acquire('doc', RESPECT);
    await passOnServer('-1 hour');
    await expect(lease.extend()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await expect(one.resumeLease('doc', lease.token)).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await lock.release();
    await (await one.lease('doc', LEASE)).release();
  });

  it('sees an extension that is under way when it looks', async () => {
    const [one, other] = await createTwo();
    await one.lease('doc', LEASE);
    await passOnServer('61 s');
    const extending = await openClient();
    await extending.query('BEGIN');
    await extending.query(`UPDATE advisory_lease SET expires_at = expires_at + interval '1 hour'`);
    const trying = other.tryAcquire('doc', RESPECT);
    await untilBlocked();
    await extending.query('COMMIT');
    expect(await trying).toBeUndefined();
  });

  it('neither runs nor stays held when leases cannot be looked for', async () => {
    const [one, other] = await createTwo();
    await database.query('ALTER TABLE advisory_lease RENAME TO away');
    try {
      let hasRun = false;
      const body = () => {
        hasRun = true;
      };
      await expect(one.withLock('doc', body, RESPECT)).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
      expect(hasRun).toBe(false);
      await other.withLock('doc', body);
    } finally {
      await database.query('ALTER TABLE away RENAME TO advisory_lease');
    }
  });

  it.each<[string, LockNames, object]>([
    ['several names', ['a', 'b'], {}],
    ['a key', 42n, {}],
    ['permits', 'doc', { permits: 3 }],
    ['a key scheme', 'doc', { keyScheme: 'md5-31' }],
    ['what is no boolean', 'doc', { respectLeases: 'yes' }],
  ])('is refused for %s', async (_, name, options) => {
    const { service } = createLocks(database.url);
    await expect(service.acquire(name, { ...RESPECT, ...options })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('respectLeases'),
    });
  });
});

describe('a lease that respects locks', () => {
  it.each<[string, LocksOptions]>([
    ['bigints', {}],
    ['pairs', { keyScheme: () => [-7, -42] }],
    ['keys of the server', { keyScheme: 'hashtext' }],
  ])('is busy while a lock of its name is held, with %s as keys', async (_, options) => {
    const [one, other] = [await createService(options), await createService(options)];
    const lock = await one.acquire('doc', { mode: 'shared' });
    await expect(other.lease('doc', LEASE)).rejects.toMatchObject(BUSY);
    await (await other.lease('doc', { ttlMs: 60_000 })).release();
    const waiting = other.lease('doc', { ...LEASE, waitMs: 30_000 });
    await lock.release();
    await (await waiting).release();
    await other.withTransactionLock('doc', async () => {
      await expect(one.lease('doc', LEASE)).rejects.toMatchObject(BUSY);
    });
  });

  it('is granted beside leases of other names that do not respect locks, in one statement', async () => {
    const [one, other] = await createTwo();
    const lock = await one.acquire('a');
    const outcomes = await Promise.allSettled([
      other.lease('a', LEASE),
      other.lease('b', LEASE),
      other.lease('c', { ttlMs: 60_000 }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    await lock.release();
  });

  it('keeps no lock, and none while another caller has the lease', async () => {
    const [one, other] = await createTwo();
    const lease = await one.lease('doc', LEASE);
    await expect(other.lease('doc', LEASE)).rejects.toMatchObject(BUSY);
    expect(await database.advisoryLocks()).toEqual([]);
    await lease.release();
  });

  it('keeps no call that takes no notice of locks from the lease while it waits for one', async () => {
    const [one, other] = await createTwo();
    const lock = await one.acquire('doc');
    const waiting = other.lease('doc', { ...LEASE, waitMs: 30_000 });
    const behind = other.lease('doc', { ...LEASE, waitMs: 30_000 });
    await expect(other.lease('doc', LEASE)).rejects.toMatchObject(BUSY);
    await (await other.lease('doc', { ttlMs: 60_000 })).release();
    await (await other.lease('doc', { ttlMs: 60_000, waitMs: 5_000 })).release();
    await lock.release();
    await (await waiting).release();
    await (await behind).release();
  });

  it('is refused inside the lock, which it would wait for', async () => {
    const service = await createService();
    const refused = { code: 'LOCK_CONFIGURATION', lockName: 'doc' };
    const options = { ...LEASE, waitMs: Infinity };
    await service.withLock('doc', () => expect(service.lease('doc', options)).rejects.toMatchObject(refused));
    await service.withTransactionLock('doc', () =>
      expect(service.lease('doc', options)).rejects.toMatchObject(refused),
    );
  });
});

describe('a lock and a lease of one name that respect each other', () => {
  it('exclude each other while the grant is under way', async () => {
    const [one, other] = await createTwo();
    // The grant stays where the row is written and not committed, until the gate is opened.
    await database.query(`CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM FROM gate FOR UPDATE; RETURN NEW;
      END $$;
      CREATE TABLE gate AS SELECT 1 AS id;
      CREATE TRIGGER gate BEFORE INSERT ON advisory_lease FOR EACH ROW EXECUTE FUNCTION gate()`);
    const keeper = await openClient();
    await keeper.query('BEGIN; SELECT FROM gate FOR UPDATE');
    const leasing = one.lease('doc', LEASE);
    await untilBlocked();
    expect(await other.tryAcquire('doc', RESPECT)).toBeUndefined();
    const waiting = other.acquire('doc', { ...RESPECT, waitMs: Infinity });
    await keeper.query('COMMIT');
    const lease = await leasing;
    expect(await other.tryAcquire('doc', RESPECT)).toBeUndefined();
    await lease.release();
    await (await waiting).release();
    await database.query('DROP TABLE gate; DROP FUNCTION gate CASCADE');
  });

  it('never overlap, however often they try', async () => {
    const services = await createTwo();
    const [NAMES, TIMES] = [10, 8];
    const inside = new Map<string, number>();
    const overlaps: string[] = [];
    const body = (name: string) => async () => {
      inside.set(name, (inside.get(name) ?? 0) + 1);
      if (inside.get(name) !== 1) overlaps.push(name);
      await database.query('SELECT');
      inside.set(name, (inside.get(name) ?? 0) - 1);
    };
    const lockOf = async (service: AdvisoryLockService, name: string) =>
      (await service.tryWithLock(name, body(name), RESPECT)).acquired;
    const leaseOf = (service: AdvisoryLockService, name: string) =>
      service.withLease(name, body(name), LEASE).then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject(BUSY);
          return false;
        },
      );
    await Promise.all(
      services.flatMap((service) =>
        Array.from({ length: NAMES }, (_, n) => `doc:${n}`).flatMap((name) =>
          [lockOf, leaseOf].map(async (tryOnce) => {
            for (let times = 0; times < TIMES;) if (await tryOnce(service, name)) times += 1;
          }),
        ),
      ),
    );
    expect(overlaps).toEqual([]);
  }, 60_000);
});
