import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ADVISORY_LEASE_SQL, AdvisoryLockInspector } from 'nestjs-advisory-lock';
import { openDataSource } from '../support/data-source.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

const TTL = { ttlMs: 60_000 };

async function createInspected(namespace = 'shop') {
  const { service } = createLocks(database.url, { namespace }, await openDataSource(database.url));
  return { service, inspector: new AdvisoryLockInspector(service) };
}

const passOnServer = (interval: string) =>
  database.query('UPDATE advisory_lease SET expires_at = expires_at - $1::interval', [interval]);

describe('the inspector', () => {
  beforeAll(() => database.query(ADVISORY_LEASE_SQL));
  afterEach(() => database.query('TRUNCATE advisory_lease'));

  it('lists leases that are held, of its namespace, with owner and times', async () => {
    const { service, inspector } = await createInspected();
    const { service: foreign } = await createInspected('shop2');
    expect(await inspector.leases()).toEqual([]);
    await service.lease('over', TTL);
    await passOnServer('61 s');
    await (await service.lease('released', TTL)).release();
    await foreign.lease('doc', TTL);
    const later = await service.lease('later', { ttlMs: 120_000, owner: 'ada@example.com' });
    const lease = await service.lease('doc', TTL);
    const listed = await inspector.leases();
    expect(listed).toEqual([
      {
        name: 'doc',
        owner: expect.stringMatching(/./),
        fencingToken: lease.fencingToken,
        ttlMs: 60_000,
        since: new Date(lease.expiresAt.getTime() - 60_000),
        expiresAt: lease.expiresAt,
      },
      expect.objectContaining({ name: 'later', owner: 'ada@example.com', expiresAt: later.expiresAt }),
    ]);
    expect(await inspector.leases({ name: 'later' })).toEqual([listed[1]]);
    expect(await inspector.leases({ name: 'free' })).toEqual([]);
  });

  it('ends a lease: the next one has it at once, and the holder finds it lost', async () => {
    const { service, inspector } = await createInspected();
    const lease = await service.lease('doc', TTL);
    const waiting = service.lease('doc', { ...TTL, waitMs: 30_000 });
    const [listed] = await inspector.leases();
    if (listed === undefined) throw new Error('it is not listed');
    expect(await inspector.endLease(listed, { reason: 'a test' })).toBe(true);
    const next = await waiting;
    expect(next.fencingToken > lease.fencingToken).toBe(true);
    expect(await inspector.endLease(listed, { reason: 'a test' })).toBe(false);
    await expect(lease.extend()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await expect(service.resumeLease('doc', lease.token)).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await lease.release();
    await next.extend();
    await next.release();
  });

  it('refuses to end what is no listed lease, or without a reason', async () => {
    const { inspector } = await createInspected();
    const reason = 'a test';
    for (const [grant, given] of [
      [{ name: 'doc', fencingToken: 1 }, { reason }],
      [{ name: 1, fencingToken: 1n }, { reason }],
      [{ name: 'doc', fencingToken: 1n }, { reason: '' }],
    ]) {
      await expect(inspector.endLease(grant as never, given as never)).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
      });
    }
  });
});

describe('the inspector without the table', () => {
  it('rejects with the SQL that makes it', async () => {
    await database.query('DROP TABLE IF EXISTS advisory_lease');
    const { inspector } = await createInspected();
    await expect(inspector.leases()).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('CREATE TABLE'),
    });
  });
});
