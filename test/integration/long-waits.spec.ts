import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { AdvisoryLock } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();

const lockConnections = async (): Promise<number> =>
  (await database.connections()).filter(({ applicationName }) => applicationName.includes('advisory-lock'))
    .length;

const queue = async () => (await database.advisoryLocks()).filter(({ granted }) => !granted);

/** Locks of one process, and another process that waits for them until one at a time is in the queue. */
async function waitingFor(count: number) {
  const [mine, other] = [createLocks(database.url).service, createLocks(database.url).service];
  const names = Array.from({ length: count }, (_, n) => `lock-${n}`);
  const held = await Promise.all(names.map((name) => other.acquire(name)));
  const granted: AdvisoryLock[] = [];
  const waiting = names.map(async (name) => {
    const lock = await mine.acquire(name, { waitMs: Infinity });
    granted.push(lock);
    return lock;
  });
  // Each has a turn of its own at first, as far as there are connections.
  await until(async () => (await lockConnections()) === 5, 'they have begun to wait');
  // Of the other process one, of this one the shared one and the one that waits.
  await until(async () => (await lockConnections()) === 3, 'the waits share a connection');
  return { mine, other, names, held, waiting: Promise.all(waiting), granted };
}

async function notices() {
  const client = new pg.Client({ connectionString: database.url });
  const received: { wanted: string[]; freed: string[] }[] = [];
  client.on('notification', ({ payload = '' }) => {
    if (payload.includes('wake-ups')) received.push(JSON.parse(payload) as (typeof received)[number]);
  });
  await client.connect();
  defer(() => client.end());
  await client.query('LISTEN nestjs_advisory_lock');
  return received;
}

describe('long waits of one process', () => {
  it('share one connection besides the shared one, however many they are', async () => {
    const { held, waiting } = await waitingFor(20);
    expect((await queue()).length).toBeLessThanOrEqual(1);
    await Promise.all(held.map((lock) => lock.release()));
    const locks = await waiting;
    expect(locks.map(({ isHeld }) => isHeld)).toEqual(locks.map(() => true));
    await Promise.all(locks.map((lock) => lock.release()));
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('stand in the queue of Postgres one after the other', async () => {
    const { held, waiting } = await waitingFor(3);
    const seen = new Set<unknown>();
    await until(async () => {
      for (const { objid } of await queue()) seen.add(objid);
      return seen.size === 3;
    }, 'each of them has had its turn');
    await Promise.all(held.map((lock) => lock.release()));
    await Promise.all((await waiting).map((lock) => lock.release()));
  });

  it('are woken by the process that gives a lock back, which reports nothing else', async () => {
    const received = await notices();
    const { held, waiting, granted, mine } = await waitingFor(4);
    const wanted = (): string[] => received.flatMap((notice) => notice.wanted);
    const freed = (): string[] => received.flatMap((notice) => notice.freed);
    const isReported = ({ key }: AdvisoryLock): boolean => wanted().includes(String(key));
    await until(() => held.every(isReported), 'each has had a pause');
    expect(freed()).toEqual([]);
    const last = held.at(-1) as AdvisoryLock;
    await last.release();
    await until(() => granted.length === 1, 'the lock is handed over');
    await until(() => freed().length === 1, 'the release is reported');
    expect(granted[0]?.name).toBe(last.name);
    await Promise.all(held.map((lock) => lock.release()));
    await Promise.all((await waiting).map((lock) => lock.release()));
    const reports = received.length;
    await mine.withLock('lock-0', () => undefined);
    await mine.withLock('not waited for', () => undefined);
    expect(received.length - reports).toBeLessThanOrEqual(1);
  });

  it('end at once when they are aborted between two tries', async () => {
    const { mine, held, waiting } = await waitingFor(3);
    const controller = new AbortController();
    const aborted = Array.from({ length: 3 }, (_, n) =>
      mine.acquire(`lock-${n}`, { waitMs: Infinity, signal: controller.signal }),
    );
    controller.abort();
    const outcomes = await Promise.allSettled(aborted);
    expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'rejected'));
    await Promise.all(held.map((lock) => lock.release()));
    await Promise.all((await waiting).map((lock) => lock.release()));
  });
});
