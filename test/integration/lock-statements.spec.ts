import { describe, expect, it } from '@jest/globals';
import {
  BATCH,
  KeyRegistry,
  LockKey,
  type LockRequest,
  resultsOf,
  statementFor,
} from '../../lib/core/index.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

async function send(requests: LockRequest[]): Promise<boolean[]> {
  const { text, values } = statementFor(requests);
  const [row] = await database.query(text, values as string[]);
  const [value] = Object.values(row ?? {}) as unknown[];
  const result = typeof value === 'boolean' ? (value ? 't' : 'f') : String(value);
  return Array.from(resultsOf([result], requests.length), (letter) => letter === 'y');
}

const unlockAll = () => database.query('SELECT pg_advisory_unlock_all()');

describe('the statements', () => {
  it('read a batch in order: no sort, no join, one function scan under one aggregate', async () => {
    const rows = await database.query(`EXPLAIN (COSTS OFF) ${BATCH}`, ['t', '{1}']);
    const plan = rows.map((row) => String(row['QUERY PLAN']));
    expect(plan).toEqual(['Aggregate', '  ->  Function Scan on request']);
  });

  it('return the result of each request of a batch of 5,000 in its place', async () => {
    const mine = Array.from({ length: 2_500 }, (_, n) => LockKey.of(n * 7919 - 9_000_000));
    const notMine = Array.from({ length: 2_500 }, (_, n) => LockKey.of([n, -n]));
    await send(mine.map((key) => ({ operation: 'try', mode: 'exclusive', key })));

    const requests = mine.flatMap<LockRequest>((key, n) => [
      { operation: 'unlock', mode: 'exclusive', key },
      { operation: 'unlock', mode: 'exclusive', key: notMine[n] ?? key },
    ]);
    const results = await send(requests);

    expect(results).toEqual(requests.map((_, n) => n % 2 === 0));
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it.each([
    [1n],
    [-1n],
    [2n ** 63n - 1n],
    [-(2n ** 63n)],
    [[1, 2]],
    [[-1, -2]],
    [[-(2 ** 31), 2 ** 31 - 1]],
  ] as const)(
    'take the key %p under the numbers that pg_locks shows, alone and in a batch',
    async (value) => {
      const key = LockKey.of(value);
      const other = LockKey.of(12345);
      const shown = { classid: key.classid, objid: key.objid, objsubid: key.objsubid };
      for (const [more, mode] of [
        [[], 'exclusive'],
        [[], 'shared'],
        [[other], 'exclusive'],
        [[other], 'shared'],
      ] as const) {
        const requests = (operation: LockRequest['operation']) =>
          [key, ...more].map((k) => ({ operation, mode, key: k }));
        expect(await send(requests('try'))).toEqual([key, ...more].map(() => true));
        expect(await database.advisoryLocks()).toContainEqual(
          expect.objectContaining({ ...shown, mode: mode === 'shared' ? 'ShareLock' : 'ExclusiveLock' }),
        );
        expect(await send(requests('unlock'))).toEqual([key, ...more].map(() => true));
        expect(await database.advisoryLocks()).toEqual([]);
      }
    },
  );

  it('refuse a result that does not fit the requests', () => {
    expect(() => resultsOf(['yy'], 3)).toThrow(/Postgres must return 3 results, received "yy"/);
    expect(() => resultsOf([], 1)).toThrow(/must return 1 results, received undefined/);
  });

  it('refuse the result of a standby', () => {
    expect(() => resultsOf([null], 1)).toThrow(/is a standby/);
    expect(() => resultsOf(['yss'], 3)).toThrow(/is a standby/);
  });
});

describe('the scheme sha256', () => {
  it.each(['nightly-report', 'ключ 🔑', "o'clock"])('is plain SQL too: %s', async (name) => {
    const [row] = await database.query(
      `SELECT ('x' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 16))::bit(64)::bigint AS key`,
      [name],
    );
    expect(new KeyRegistry().keyOf(name).id).toBe(row?.key);
  });
});

describe('Postgres itself', () => {
  it('grants a session lock a second time to the session that holds it, and counts', async () => {
    const request: LockRequest = { operation: 'try', mode: 'exclusive', key: LockKey.of(1) };
    expect(await send([request])).toEqual([true]);
    expect(await send([request])).toEqual([true]);
    expect(await send([{ ...request, operation: 'unlock' }])).toEqual([true]);
    expect(await database.advisoryLocks()).toHaveLength(1);
    await unlockAll();
  });
});
