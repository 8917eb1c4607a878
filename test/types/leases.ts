import {
  type AdvisoryLease,
  type AdvisoryLockService,
  type LeaseOptions,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';

export async function leases(locks: AdvisoryLockService): Promise<[number, boolean]> {
  await using lease: AdvisoryLease = await locks.lease('a', { ttlMs: 60_000, waitMs: Infinity, owner: 'me' });
  const token: string = lease.token;
  const fencing: bigint = lease.fencingToken;
  const until: Date = lease.expiresAt;
  lease.signal.throwIfAborted();
  await lease.extend();
  await lease.extend(1_000);
  await locks.resumeLease('a', token);
  await locks.resumeLease('a', token, { keepAlive: true });
  const options: LeaseOptions = { ttlMs: 60_000, keepAlive: true, durable: false, signal: lease.signal };
  const value: number = await locks.withLease('a', ({ name }) => name.length, options);
  const { ran } = await locks.once('seed', () => fencing, { version: '1', waitMs: 0 });
  await locks.lease('a', { ttlMs: 60_000, respectLeases: true });
  await locks.withLock('a', () => value, { respectLeases: true });
  await locks.tryAcquire('a', { respectLeases: true, mode: 'shared' });
  await locks.once('seed', async ({ signal }) => Promise.resolve(signal.aborted || until));
  return [value, ran];
}

export async function refuses(locks: AdvisoryLockService): Promise<void> {
  // @ts-expect-error 2554 it must end
  await locks.lease('a');
  // @ts-expect-error 2345 it must end
  await locks.lease('a', {});
  // @ts-expect-error 2345 keys of locks are no names of leases
  await locks.lease(1n, { ttlMs: 60_000 });
  // @ts-expect-error 2353 of locks alone
  await locks.lease('a', { ttlMs: 60_000, mode: 'shared' });
  const lease = await locks.lease('a', { ttlMs: 60_000 });
  // @ts-expect-error 2353 a lock of a transaction cannot
  await locks.withTransactionLock('a', () => Promise.resolve(), { respectLeases: true });
  // @ts-expect-error 2322 a boolean
  await locks.withLock('a', () => undefined, { respectLeases: 'yes' });
  // @ts-expect-error 2345 the token is a string
  await locks.resumeLease('a', lease.fencingToken);
  // @ts-expect-error 2540 read-only
  lease.expiresAt = new Date();
  // @ts-expect-error 2322 a string
  await locks.once('seed', () => undefined, { version: 2 });
}

export class Methods {
  @WithAdvisoryLock('a', { respectLeases: true, waitMs: 5_000 })
  async respects(): Promise<void> {}

  // @ts-expect-error 2769 says "a lock of a transaction respects no leases"
  @WithAdvisoryLock('a', { scope: 'transaction', respectLeases: true })
  async respectsInATransaction(): Promise<void> {}
}
