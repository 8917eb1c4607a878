import { describe, expect, it } from '@jest/globals';
import {
  LockConnection,
  LockConnections,
  LockKey,
  type LockOperation,
  LockSession,
  type Statement,
} from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { startServer, useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();
const keys = (count: number): LockKey[] => Array.from({ length: count }, (_, n) => LockKey.of(n));

/** The requests of a session as promises. */
interface AskableSession {
  tryLock(key: LockKey): Promise<boolean>;
  unlock(key: LockKey): Promise<boolean>;
  isLocked(key: LockKey): Promise<boolean>;
  close(): Promise<void>;
}

function askable(session: LockSession): AskableSession {
  const ask = (operation: LockOperation, key: LockKey): Promise<boolean> =>
    new Promise((resolve, reject) => {
      void session.request({ operation, mode: 'exclusive', key, resolve, reject });
    });
  return {
    tryLock: (key) => ask('try', key),
    unlock: (key) => ask('unlock', key),
    isLocked: (key) => session.isLocked(key),
    close: () => session.close(),
  };
}

interface Opened {
  readonly session: AskableSession;
  /** What was sent so far, by the names of the prepared statements. */
  readonly sent: (string | undefined)[];
  /** How many statements were in flight once each of them was sent. */
  readonly inFlight: number[];
  /** The connection under the session, for a test to meddle with. */
  readonly connection: LockConnection;
  readonly ends: Error[];
}

/** A session, with a record of what it sends. */
async function openSession(url = database.url): Promise<Opened> {
  const applicationName = 'nestjs-advisory-lock';
  const connections = new LockConnections(() => ({ type: 'postgres', url }), { applicationName });
  const connection = await connections.open();
  const sent: (string | undefined)[] = [];
  const inFlight: number[] = [];
  let count = 0;
  const ends: Error[] = [];
  const recorded = Object.create(connection, {
    query: {
      value: async (statement: Statement) => {
        sent.push(statement.name);
        inFlight.push(++count);
        try {
          return await connection.query(statement);
        } finally {
          count -= 1;
        }
      },
    },
  }) as LockConnection;
  const session = new LockSession(recorded, connections.use, (_session, cause) => ends.push(cause));
  defer(async () => {
    await session.close();
    await connections.close();
  });
  return { session: askable(session), sent, inFlight, connection, ends };
}

describe('a lock session', () => {
  it('sends a lone request as the cheapest statement', async () => {
    const { session, sent } = await openSession();
    const key = LockKey.of(1);
    expect(await session.tryLock(key)).toBe(true);
    await session.unlock(key);
    expect(sent).toEqual(['advisory_lock_try', 'advisory_lock_unlock']);
  });

  it('sends simultaneous requests in one statement', async () => {
    const { session, sent } = await openSession();
    const results = await Promise.all(keys(1_000).map((key) => session.tryLock(key)));
    expect(results).toEqual(results.map(() => true));
    expect(await database.advisoryLocks()).toHaveLength(1_000);
    expect(sent).toEqual(['advisory_lock_batch']);
  });

  it('batches requests made during a statement into the next one, locks and unlocks together', async () => {
    const { session, sent } = await openSession();
    const [first, ...rest] = keys(50) as [LockKey, ...LockKey[]];
    await session.tryLock(first);
    const underWay = session.tryLock(LockKey.of(1_000));
    while (sent.length < 2)
      await new Promise((resolve) => {
        process.nextTick(resolve);
      });
    const next = [session.unlock(first), ...rest.map((key) => session.tryLock(key))];
    await Promise.all([underWay, ...next]);
    expect(sent).toEqual(['advisory_lock_try', 'advisory_lock_try', 'advisory_lock_batch']);
  });

  it('sends half of many requests while the other half is in flight', async () => {
    const { session, sent, inFlight } = await openSession();
    const all = keys(500);
    await Promise.all(all.map((key) => session.tryLock(key)));
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(
        all.map(async (key) => {
          expect(await session.unlock(key)).toBe(true);
          expect(await session.tryLock(key)).toBe(true);
        }),
      );
    }
    expect(await database.advisoryLocks()).toHaveLength(500);
    expect(new Set(sent)).toEqual(new Set(['advisory_lock_batch']));
    expect(inFlight.slice(0, 3)).toEqual([1, 1, 2]);
    expect(Math.max(...inFlight)).toBe(2);
  });

  it('grants nothing behind a statement that shows that its locks are gone', async () => {
    const { session, connection, inFlight, ends } = await openSession();
    const held = keys(32);
    await Promise.all(held.map((key) => session.tryLock(key)));
    // As a pooler that is not noticed may do.
    await connection.query({ text: 'SELECT pg_advisory_unlock_all()' });
    const unlocked = held.slice(0, 16).map((key) => session.unlock(key));
    const wanted = keys(48).slice(32);
    const tried = await Promise.allSettled(wanted.map((key) => session.tryLock(key)));
    expect(Math.max(...inFlight)).toBe(2);
    expect(tried.map(({ status }) => status)).toEqual(wanted.map(() => 'rejected'));
    await Promise.all(unlocked);
    expect(String(ends)).toMatch('no longer held');
  });

  it('finds out what a statement did that failed in front of another one', async () => {
    const { session, connection, sent, inFlight } = await openSession();
    const all = keys(200);
    await Promise.all(all.map((key) => session.tryLock(key)));
    const sentBefore = sent.length;
    const query = connection.query.bind(connection);
    connection.query = ({ values = [], ...statement }) => {
      connection.query = query;
      // The server cannot read the last key, and so unlocks none of these.
      const [letters, ids] = values as [string, string];
      return query({ ...statement, values: [`${letters.slice(0, -1)}t`, ids.replace(/\d+}$/, 'oops}')] });
    };
    const outcomes = await Promise.all(all.map((key) => session.unlock(key)));
    expect(outcomes).toEqual(all.map(() => true));
    expect(await database.advisoryLocks()).toEqual([]);
    expect(sent.slice(sentBefore)).toEqual([
      'advisory_lock_batch',
      'advisory_lock_batch',
      undefined,
      'advisory_lock_batch',
    ]);
    // Nothing else is in flight while it asks for what is held.
    expect(inFlight.slice(sentBefore)).toEqual([1, 2, 1, 1]);
  });

  it('is refused what another session holds, and gets it when that one ends', async () => {
    const [one, other] = [await openSession(), await openSession()];
    const key = LockKey.of([1, 2]);
    expect(await one.session.tryLock(key)).toBe(true);
    expect(await other.session.tryLock(key)).toBe(false);
    expect(await other.session.isLocked(key)).toBe(true);
    await one.session.close();
    expect(await other.session.isLocked(key)).toBe(false);
    expect(await other.session.tryLock(key)).toBe(true);
  });

  it('does not take a pair for the bigint with the same bits, nor another database for its own', async () => {
    const { session } = await openSession();
    await session.tryLock(LockKey.of([0, 5]));
    expect(await session.isLocked(LockKey.of(5))).toBe(false);
    expect(await session.isLocked(LockKey.of([0, 5]))).toBe(true);
  });

  it('ends, and frees everything, when Postgres does not know a lock that it believed to hold', async () => {
    const { session, connection, ends } = await openSession();
    const [first, second] = keys(2) as [LockKey, LockKey];
    await Promise.all([session.tryLock(first), session.tryLock(second)]);
    await connection.query({ text: 'SELECT pg_advisory_unlock(0)' });
    await session.unlock(first);
    expect(ends).toEqual([new Error('Postgres no longer held the key 0 when it was released')]);
    await expect(session.tryLock(second)).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
  });

  it('rejects requests, and lets unlocks be, when its backend is ended', async () => {
    const { session, connection, ends } = await openSession();
    const [first, second] = keys(2) as [LockKey, LockKey];
    await session.tryLock(first);
    const [pid] = await connection.query({ text: 'SELECT pg_backend_pid()' });
    const slow = expect(connection.query({ text: 'SELECT pg_sleep(60)' })).rejects.toThrow();
    await database.query('SELECT pg_terminate_backend($1)', [pid]);
    await slow;
    await expect(session.tryLock(second)).rejects.toMatchObject({ code: 'LOCK_CONNECTION', lockName: '1' });
    await expect(session.unlock(first)).resolves.toBe(true);
    await expect(session.isLocked(first)).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
    expect(ends).toHaveLength(1);
  });

  it('finds out what a statement did before it failed half-way', async () => {
    const { session, connection, sent } = await openSession();
    await Promise.all([session.tryLock(LockKey.of(1)), session.tryLock(LockKey.of(2))]);
    // The server cancels the batch while it sleeps on a function of ours in
    // place of the second half of the work.
    await connection.query({ text: `SET statement_timeout = '150ms'` });
    await database.query(`
      CREATE FUNCTION public.slow_unlock(bigint) RETURNS boolean LANGUAGE sql
        AS $$ SELECT pg_sleep(60) IS NULL $$`);
    const query = connection.query.bind(connection);
    connection.query = (statement) => {
      connection.query = query;
      return query({
        ...statement,
        name: 'half_way',
        text: statement.text.replaceAll('pg_catalog.pg_advisory_unlock(key)', 'public.slow_unlock(key)'),
      });
    };
    const outcomes = await Promise.allSettled([
      session.tryLock(LockKey.of(3)),
      session.unlock(LockKey.of(1)),
      session.tryLock(LockKey.of(4)),
    ]);
    expect(outcomes).toEqual([
      { status: 'fulfilled', value: true },
      { status: 'fulfilled', value: true },
      { status: 'rejected', reason: expect.objectContaining({ code: 'LOCK_CONNECTION', lockName: '4' }) },
    ]);
    expect((await database.advisoryLocks()).map(({ objid }) => objid).sort()).toEqual([2, 3]);
    expect(sent.slice(1)).toEqual(['advisory_lock_batch', undefined, 'advisory_lock_unlock']);
  });
});

describe('a lock session on a server whose lock table is full', () => {
  it('says so, keeps what was granted, leaves nothing that was not, and can unlock', async () => {
    const server = await startServer(['-c', 'max_locks_per_transaction=10', '-c', 'max_connections=10']);
    const { session } = await openSession(server.url);
    const observer = await openSession(server.url);
    const all = keys(20_000);
    const outcomes = await Promise.allSettled(all.map((key) => session.tryLock(key)));
    const granted = all.filter((_, n) => outcomes[n]?.status === 'fulfilled');
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');

    expect(refused?.reason).toMatchObject({ code: 'LOCK_CAPACITY' });
    expect(String(refused?.reason)).toContain('max_locks_per_transaction');
    expect(granted.length).toBeGreaterThan(100);
    const held = await observer.connection.query({
      text: `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory'`,
    });
    expect(held).toEqual([String(granted.length)]);

    await Promise.all(granted.map((key) => session.unlock(key)));
    expect(await session.tryLock(LockKey.of(99_999))).toBe(true);
  });
});
