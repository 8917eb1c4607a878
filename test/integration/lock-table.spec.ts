import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { LockConnections, type LockHold, LockKey, LockTable } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { createLocks } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { startServer, useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();
const key = LockKey.of(1, 'import');

async function acquired(table: LockTable, of = key): Promise<LockHold> {
  const hold = await table.tryAcquire(of, 'exclusive');
  if (hold === undefined) throw new Error(`${of.name} is busy`);
  return hold;
}

/** A table, with a count of the statements that it causes. */
function countingTable(): { table: LockTable; count: () => number } {
  let statements = 0;
  const connections = new LockConnections(() => ({ type: 'postgres', url: database.url }), {
    applicationName: 'nestjs-advisory-lock',
  });
  const open = connections.open.bind(connections);
  connections.open = async () => {
    const connection = await open();
    const query = connection.query.bind(connection);
    connection.query = (statement) => {
      statements += 1;
      return query(statement);
    };
    return connection;
  };
  const table = new LockTable(connections);
  defer(() => table.close(0));
  return { table, count: () => statements };
}

describe('the lock table', () => {
  it('refuses what this process holds without asking Postgres', async () => {
    const { table, count } = countingTable();
    await acquired(table);
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => table.tryAcquire(key, 'exclusive')));
    expect(outcomes.every((outcome) => outcome === undefined)).toBe(true);
    expect(count()).toBe(1);
  });

  it('asks Postgres once for all simultaneous callers of a key, and one of them gets it', async () => {
    const { table, count } = countingTable();
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => table.tryAcquire(key, 'exclusive')));
    expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1);
    expect(count()).toBe(1);
  });

  it('takes a key whose release is still under way', async () => {
    const { table } = createLocks(database.url);
    const hold = await acquired(table);
    const released = table.release(hold);
    const next = await acquired(table);
    await released;
    expect(await createLocks(database.url).table.tryAcquire(key, 'exclusive')).toBeUndefined();
    await table.release(next);
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('never has two holders, however tables race', async () => {
    const tables = Array.from({ length: 4 }, () => createLocks(database.url).table);
    const keys = Array.from({ length: 3 }, (_, n) => LockKey.of(n));
    const holders = new Map<string, number>();
    let grants = 0;
    let overlaps = 0;
    const contender = async (table: LockTable, seed: number): Promise<void> => {
      for (let round = 0; round < 150; round += 1) {
        const wanted = keys[(round * 7 + seed) % keys.length] as LockKey;
        const hold = await table.tryAcquire(wanted, 'exclusive');
        if (hold === undefined) continue;
        const others = holders.get(wanted.id) ?? 0;
        grants += 1;
        if (others > 0) overlaps += 1;
        holders.set(wanted.id, others + 1);
        await new Promise((resolve) => setImmediate(resolve));
        holders.set(wanted.id, (holders.get(wanted.id) ?? 0) - 1);
        await table.release(hold);
      }
    };
    await Promise.all(
      tables.flatMap((table, n) => [contender(table, n), contender(table, n + 1), contender(table, n + 2)]),
    );
    expect(grants).toBeGreaterThan(100);
    expect(overlaps).toBe(0);
  });

  it('notifies every holder when the backend is ended, and takes locks on a new session', async () => {
    const { table } = createLocks(database.url);
    const holds = await Promise.all(
      Array.from({ length: 10 }, (_, n) => acquired(table, LockKey.of(n, `lock-${n}`))),
    );
    const loss = holds.map((hold) => once(hold.signal, 'abort'));
    await terminateHolders(database);
    await Promise.all(loss);

    expect(holds[3]?.lost).toMatchObject({ code: 'LOCK_LOST', lockName: 'lock-3', key: '3' });
    expect(holds[3]?.signal.reason).toBe(holds[3]?.lost);
    await Promise.all(holds.map(async (hold) => table.release(hold)));
    const again = await acquired(table, LockKey.of(3));
    expect(again.lost).toBeUndefined();
    await table.release(again);
  });

  it.each([0, 2])(
    'hands on nothing that holders release while they are told of its loss, to %d waiters',
    async (count) => {
      const { table } = createLocks(database.url);
      const keys = [LockKey.of(1), LockKey.of(2)];
      const holds = await Promise.all(keys.map((each) => acquired(table, each)));
      // Each of them releases also the one whose holder has not been told yet.
      const releases = holds.map(
        ({ signal }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              resolve(Promise.all(holds.map(async (each) => table.release(each))));
            });
          }),
      );
      const waiting = Array.from({ length: count }, () =>
        Promise.all(keys.map((each) => table.acquire(each, { mode: 'exclusive', waitMs: Infinity }))),
      );
      await terminateHolders(database);
      await Promise.race(releases);
      const other = createLocks(database.url).table;
      for (const each of waiting) {
        const next = (await each) as LockHold[];
        expect(next.map(({ lost }) => lost)).toEqual([undefined, undefined]);
        for (const wanted of keys) expect(await other.tryAcquire(wanted, 'exclusive')).toBeUndefined();
        await Promise.all(next.map(async (each) => table.release(each)));
      }
      await table.release(await acquired(table, keys[0]));
    },
  );

  it('does not give back a key that was lost and taken again', async () => {
    const { table } = createLocks(database.url);
    const lost = await acquired(table);
    const loss = once(lost.signal, 'abort');
    await terminateHolders(database);
    await loss;
    await acquired(table);
    await table.release(lost);
    expect(await table.tryAcquire(key, 'exclusive')).toBeUndefined();
    expect(await database.advisoryLocks()).toHaveLength(1);
  });
});

describe('the lock table, when the database is away', () => {
  it('rejects all callers after one attempt for all of them, and does not hammer', async () => {
    let attempts = 0;
    const silent = createServer((socket) => {
      attempts += 1;
      socket.destroy();
    });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    defer(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    const { table } = createLocks(`postgres://nobody@127.0.0.1:${port}/nothing`);

    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, (_, n) => table.tryAcquire(LockKey.of(n, `lock-${n}`), 'exclusive')),
    );
    for (const [n, outcome] of outcomes.entries()) {
      expect(outcome).toMatchObject({ reason: { code: 'LOCK_CONNECTION', lockName: `lock-${n}` } });
    }
    expect(attempts).toBe(1);

    const startedAt = performance.now();
    for (let n = 0; n < 4; n += 1) {
      await Promise.allSettled([
        table.tryAcquire(key, 'exclusive'),
        table.tryAcquire(key, 'exclusive'),
        table.tryAcquire(LockKey.of(2), 'exclusive'),
      ]);
    }
    expect(attempts).toBe(5);
    // Pauses of 50, 100, 200 and 400 ms, each shortened by up to a half.
    expect(performance.now() - startedAt).toBeGreaterThan(375);
  });

  it('takes the lock with the next request once the database is back', async () => {
    const server = await startServer([]);
    const { port } = server;
    const gate = createServer();
    gate.listen(0, '127.0.0.1');
    await once(gate, 'listening');
    const closedPort = (gate.address() as AddressInfo).port;
    gate.close();
    await once(gate, 'close');

    const url = new URL(server.url);
    url.port = String(closedPort);
    const options = { type: 'postgres' as const, url: url.href };
    const { table } = createLocks(options);
    await expect(table.tryAcquire(key, 'exclusive')).rejects.toMatchObject({
      code: 'LOCK_CONNECTION',
      cause: { code: 'ECONNREFUSED' },
    });
    url.port = String(port);
    options.url = url.href;
    expect(await table.tryAcquire(key, 'exclusive')).toBeDefined();
  });
});

describe('the lock table, when it is closed', () => {
  it('takes no more locks, waits for the holders, and frees the connection', async () => {
    const locks = createLocks(database.url);
    const { table } = locks;
    const hold = await acquired(table);
    const closed = locks.close(60_000);
    await expect(table.tryAcquire(LockKey.of(2), 'exclusive')).rejects.toMatchObject({
      code: 'LOCK_SHUTDOWN',
    });
    expect(hold.signal.aborted).toBe(false);
    await table.release(hold);
    await closed;
    expect(await database.connections()).toEqual([]);
  });

  it('notifies a holder that does not finish in time, and frees the lock all the same', async () => {
    const locks = createLocks(database.url);
    const { table } = locks;
    const hold = await acquired(table);
    await locks.close(10);
    expect(hold.signal.reason).toMatchObject({
      code: 'LOCK_LOST',
      message: expect.stringContaining('shutting down'),
    });
    expect(await database.advisoryLocks()).toEqual([]);
    await table.release(hold);
  });

  it('closes without ever having connected', async () => {
    await createLocks('postgres://nobody@127.0.0.1:1/nothing').close();
  });
});
