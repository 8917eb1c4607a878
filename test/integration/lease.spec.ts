import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADVISORY_LEASE_SQL, type AdvisoryLease, type AdvisoryLockService } from 'nestjs-advisory-lock';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

const TTL = { ttlMs: 60_000 };

const createService = async (poolSize = 2): Promise<AdvisoryLockService> =>
  createLocks(database.url, { namespace: 'shop' }, await openDataSource(database.url, { poolSize })).service;

/** As if so much time had passed on the server, or its clock had been set. */
const passOnServer = (interval: string) =>
  database.query(
    'UPDATE advisory_lease SET since = since - $1::interval, expires_at = expires_at - $1::interval',
    [interval],
  );

beforeAll(() => database.query(ADVISORY_LEASE_SQL));
afterEach(() => database.query('TRUNCATE advisory_lease'));

describe('a lease', () => {
  it('is granted to one of 50 callers of 5 processes, and lasts without a connection or a lock', async () => {
    const services = await Promise.all(Array.from({ length: 5 }, () => createService()));
    const outcomes = await Promise.allSettled(
      services.flatMap((service) => Array.from({ length: 10 }, () => service.lease('doc', TTL))),
    );
    const granted = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(granted).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    }
    expect(await database.advisoryLocks()).toEqual([]);
    expect(await database.query('SELECT name, ttl_ms FROM advisory_lease')).toEqual([
      { name: 'shop:doc', ttl_ms: '60000' },
    ]);
  });

  it.each(['NULL', '{a,b}', 'say "hi"', String.raw`C:\\temp\"`, ' spaced\n', '', 'élan, 🔒'])(
    'is stored with its name and owner as they are: %j',
    async (text) => {
      const service = await createService();
      const leases = await Promise.all(
        ['one', 'other'].map((name) => service.lease(`${name}${text}`, { ...TTL, owner: `me${text}` })),
      );
      expect(await database.query('SELECT name, owner FROM advisory_lease ORDER BY name')).toEqual([
        { name: `shop:one${text}`, owner: `me${text}` },
        { name: `shop:other${text}`, owner: `me${text}` },
      ]);
      await expect(service.lease(`one${text}`, TTL)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
      for (const lease of leases) await lease.release();
      await (await service.lease(`one${text}`, TTL)).release();
    },
  );

  it('is busy until it is released, and then free at once', async () => {
    const [one, other] = [await createService(), await createService()];
    const lease = await one.lease('doc', TTL);
    await expect(other.lease('doc', { ...TTL, waitMs: 30 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    const waiting = other.lease('doc', { ...TTL, waitMs: 30_000 });
    await lease.release();
    await (await waiting).release();
    await (await one.lease('doc', TTL)).release();
  });

  it('goes from holder to holder without an overlap, first come, first served in a process', async () => {
    const services = [await createService(), await createService()];
    const served: Record<string, number[]> = { 0: [], 1: [] };
    const tokens: bigint[] = [];
    let holders = 0;
    await Promise.all(
      services.flatMap((service, index) =>
        Array.from({ length: 25 }, (_, n) =>
          service.withLease(
            'doc',
            async ({ fencingToken }) => {
              holders += 1;
              expect(holders).toBe(1);
              served[index]?.push(n);
              tokens.push(fencingToken);
              await Promise.resolve();
              holders -= 1;
            },
            { ...TTL, waitMs: 30_000 },
          ),
        ),
      ),
    );
    const inOrder = Array.from({ length: 25 }, (_, n) => n);
    expect(served).toEqual({ 0: inOrder, 1: inOrder });
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
    expect(tokens).toHaveLength(50);
  });

  it('ends by the clock of the server, as a holder that extends it finds out', async () => {
    const [one, other] = [await createService(), await createService()];
    const lease = await one.lease('doc', TTL);
    await passOnServer('61 s');
    const next = await other.lease('doc', TTL);
    expect(next.fencingToken > lease.fencingToken).toBe(true);
    expect(lease.signal.aborted).toBe(false);
    await expect(lease.extend()).rejects.toMatchObject({ code: 'LOCK_LOST', lockName: 'doc' });
    expect(lease.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
    await lease.release();
    await next.extend();
  });

  it('is reported as lost before another caller can have it', async () => {
    const [one, other] = [await createService(), await createService()];
    const lease = await one.lease('doc', { ttlMs: 1_000 });
    const lost = new Promise<number>((resolve) => {
      lease.signal.addEventListener('abort', () => {
        resolve(performance.now());
      });
    });
    await other.lease('doc', { ...TTL, waitMs: 30_000 });
    expect(performance.now()).toBeGreaterThan(await lost);
  });

  it('lasts longer when it is extended, and has its new time', async () => {
    const service = await createService();
    const lease = await service.lease('doc', { ttlMs: 5_000 });
    const before = lease.expiresAt;
    await lease.extend(600_000);
    expect(lease.expiresAt.getTime() - before.getTime()).toBeGreaterThan(500_000);
    const [row] = await database.query<{ ms: string }>(
      'SELECT floor(extract(epoch FROM expires_at) * 1000)::text AS ms FROM advisory_lease',
    );
    expect(lease.expiresAt.getTime()).toBe(Number(row?.ms));
    await passOnServer('300 s');
    await lease.extend();
    await expect(service.lease('doc', TTL)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    await lease.release();
    await expect(lease.extend()).rejects.toMatchObject({ code: 'LOCK_NOT_HELD' });
  });

  it('is granted to no second caller when the clock of the server is set back', async () => {
    const service = await createService();
    const lease = await service.lease('doc', TTL);
    await passOnServer('-1 hour');
    await expect(service.lease('doc', TTL)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    await lease.extend();
    await passOnServer('61 s');
    await (await service.lease('doc', TTL)).release();
    // Released in what is now the future.
    await passOnServer('-1 hour');
    await service.lease('doc', TTL);
  });

  it('has a token that grows when the row is ahead of the transaction ids, as after a restore', async () => {
    const service = await createService();
    await (await service.lease('doc', TTL)).release();
    await database.query('UPDATE advisory_lease SET fencing = 9000000000000000000');
    const lease = await service.lease('doc', TTL);
    expect(lease.fencingToken).toBe(9_000_000_000_000_000_001n);
  });

  it('has a fencing token that goes with those of locks', async () => {
    const service = await createService();
    const tokens: bigint[] = [];
    for (let round = 0; round < 3; round += 1) {
      await service.withLock('doc', async (lock) => tokens.push(await lock.fencingToken()));
      await service.withLease('doc', ({ fencingToken }) => tokens.push(fencingToken), TTL);
    }
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
  });

  it('is lost for a body that outlasts it, and the error of the body passes through', async () => {
    const service = await createService();
    const outlasting = service.withLease(
      'doc',
      ({ signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            resolve();
          });
        }),
      { ttlMs: 1_000 },
    );
    await expect(outlasting).rejects.toMatchObject({ code: 'LOCK_LOST' });
    const failing = service.withLease(
      'other',
      () => {
        throw new Error('mine');
      },
      TTL,
    );
    await expect(failing).rejects.toThrow('mine');
    await (await service.lease('other', TTL)).release();
  });

  it('is kept alive beyond its time', async () => {
    const service = await createService();
    const lease = await service.lease('doc', { ttlMs: 1_000, keepAlive: true });
    await expect(service.lease('doc', { ...TTL, waitMs: 1_500 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
    expect(lease.signal.aborted).toBe(false);
    await lease.release();
  });

  it('is not waited for after an abort or the shutdown', async () => {
    const locks = createLocks(database.url, {}, await openDataSource(database.url));
    const { service } = locks;
    await service.lease('doc', TTL);
    const controller = new AbortController();
    const aborted = service.lease('doc', { ...TTL, waitMs: Infinity, signal: controller.signal });
    const closed = service.lease('doc', { ...TTL, waitMs: Infinity });
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const outcome = expect(closed).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    await locks.close();
    await outcome;
    await expect(service.lease('free', TTL)).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
  });

  it('of a body that ends during the shutdown is released before the connections close', async () => {
    const locks = createLocks(database.url, {}, await openDataSource(database.url));
    let end = (): void => undefined;
    let started = (): void => undefined;
    const starting = new Promise<void>((resolve) => {
      started = resolve;
    });
    const running = locks.service.withLease(
      'doc',
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
          started();
        }),
      TTL,
    );
    await starting;
    const closing = locks.close(30_000);
    end();
    await closing;
    expect(await database.query('SELECT token_hash FROM advisory_lease')).toEqual([{ token_hash: null }]);
    await running;
  });

  it('of a body that the shutdown does not wait for any longer is lost', async () => {
    const locks = createLocks(database.url, {}, await openDataSource(database.url));
    const { service } = locks;
    let lease: AdvisoryLease | undefined;
    const started = new Promise<void>((resolve) => {
      void service
        .withLease(
          'doc',
          (held) => {
            lease = held;
            resolve();
            return new Promise(() => undefined);
          },
          TTL,
        )
        .catch(() => undefined);
    });
    await started;
    await locks.close();
    expect(lease?.signal.reason).toMatchObject({ reason: 'the application is shutting down' });
  });
});

describe('a lease is refused', () => {
  it.each([0, 999, 1_500.5, 366 * 24 * 3_600_000 + 1, NaN, Infinity, '1000', undefined])(
    'for the time %p',
    async (ttlMs) => {
      const service = createLocks(database.url).service;
      await expect(service.lease('doc', { ttlMs: ttlMs as number })).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
        message: expect.stringContaining('ttlMs'),
      });
    },
  );

  it.each([
    ['an empty name', ''],
    ['a name with a NUL character', 'a\0b'],
    ['a name that is too long', 'x'.repeat(2_001)],
    ['a number', 42],
    ['several names', ['a']],
  ])('for %s', async (_, name) => {
    const { service } = createLocks(database.url);
    await expect(service.lease(name as string, TTL)).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
  });

  it.each([{ owner: '' }, { owner: 'x'.repeat(201) }, { keepAlive: 1 }, { waitMs: -1 }, { ttl: 5 }])(
    'with the options %p',
    async (options) => {
      const service = createLocks(database.url).service;
      await expect(service.lease('doc', { ...TTL, ...(options as object) })).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
      });
    },
  );

  it('without its table, with the SQL that makes it', async () => {
    const service = await createService();
    await database.query('ALTER TABLE advisory_lease RENAME TO away');
    try {
      await expect(service.lease('doc', TTL)).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
        message: expect.stringContaining(ADVISORY_LEASE_SQL.replace(/\s+/g, ' ')),
      });
    } finally {
      await database.query('ALTER TABLE away RENAME TO advisory_lease');
    }
    await service.lease('doc', TTL);
  });

  it('while the database cannot be reached', async () => {
    const dataSource = await openDataSource(database.url);
    const { service } = createLocks(database.url, {}, dataSource);
    await dataSource.destroy();
    await expect(service.lease('doc', TTL)).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    await dataSource.initialize();
  });
});

describe('a token', () => {
  it('resumes the lease with the same fencing token, where it is extended and released', async () => {
    const [one, other] = [await createService(), await createService()];
    const lease = await one.lease('doc', TTL);
    const resumed = await other.resumeLease('doc', lease.token);
    expect(resumed.fencingToken).toBe(lease.fencingToken);
    expect(resumed.expiresAt).toEqual(lease.expiresAt);
    await resumed.extend();
    await resumed.release();
    await expect(lease.extend()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await expect(other.resumeLease('doc', lease.token)).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });

  it('of a lease that has ended resumes nothing, and does not touch the next lease', async () => {
    const service = await createService();
    const lease = await service.lease('doc', TTL);
    await passOnServer('61 s');
    await expect(service.resumeLease('doc', lease.token)).rejects.toMatchObject({ code: 'LOCK_LOST' });
    const next = await service.lease('doc', TTL);
    await lease.release();
    await next.extend();
  });

  it('of another lease or namespace is refused', async () => {
    const service = await createService();
    const { token } = await service.lease('doc', TTL);
    const refused = { code: 'LOCK_CONFIGURATION' };
    await expect(service.resumeLease('other', token)).rejects.toMatchObject(refused);
    const elsewhere = createLocks(database.url, { namespace: 'other' }).service;
    await expect(elsewhere.resumeLease('doc', token)).rejects.toMatchObject(refused);
  });

  it('is not in the table', async () => {
    const service = await createService();
    const { token } = await service.lease('doc', TTL);
    const rows = await database.query('SELECT * FROM advisory_lease');
    expect(JSON.stringify(rows)).not.toContain(token.slice(-22));
  });

  it('hands a lease over to a process that goes on when the first one is killed', async () => {
    const worker = new URL('./workers/lease-taker.ts', import.meta.url);
    const env = { TEST_URL: database.url };
    const first = startWorker(worker, { env });
    const taken = await first.message<{ token: string; fencingToken: string }>(({ token }) => token !== '');
    const second = startWorker(worker, { env: { ...env, TEST_TOKEN: taken.token } });
    const resumed = await second.message<typeof taken>(({ token }) => token !== '');
    expect(resumed).toEqual(taken);
    first.kill('SIGKILL');
    await first.exited;

    const { service } = createLocks(database.url, {}, await openDataSource(database.url));
    await expect(service.lease('order', TTL)).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    second.kill('SIGKILL');
    await second.exited;
    const lease = await service.resumeLease('order', taken.token);
    await lease.release();
    const next = await service.lease('order', TTL);
    expect(next.fencingToken > BigInt(taken.fencingToken)).toBe(true);
  });
});
