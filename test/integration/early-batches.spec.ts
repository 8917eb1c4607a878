import { describe, expect, it } from '@jest/globals';
import { Socket } from 'node:net';
import pg from 'pg';
import { LockConnections, LockKey, LockSession } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();

/** Of the message with which Postgres ends each reply. */
const READY_LENGTH = 6;

/** Reads the end of each reply a while after the rest, as happens when they come in two packets. */
class HaltingSocket extends Socket {
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const [data] = args;
    if (event !== 'data' || !(data instanceof Buffer) || data.length <= READY_LENGTH)
      return super.emit(event, ...args);
    this.pause();
    setTimeout(() => {
      super.emit('data', data.subarray(-READY_LENGTH));
      this.resume();
    }, 5);
    return super.emit('data', data.subarray(0, -READY_LENGTH));
  }
}

class HaltingPool extends pg.Pool {
  constructor(options: pg.PoolConfig) {
    super({ ...options, stream: () => new HaltingSocket() });
  }
}

let queries = 0;

class CountingClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const query = this.query.bind(this) as (...args: unknown[]) => unknown;
    this.query = ((...args: unknown[]): unknown => {
      queries += 1;
      return query(...args);
    }) as typeof this.query;
  }
}

class CountingPool extends pg.Pool {
  constructor(options: pg.PoolConfig) {
    super({ ...options, Client: CountingClient });
  }
}

const tryAll = (by: LockSession, from: number, to: number): Promise<boolean[]> =>
  Promise.all(Array.from({ length: to - from }, (_, n) => by.tryLock(LockKey.of(from + n), 'exclusive')));

async function openSession(Pool: typeof pg.Pool): Promise<LockSession> {
  const connections = new LockConnections(
    () => ({ type: 'postgres', url: database.url, driver: { ...pg, defaults: pg.defaults, Pool } }),
    { applicationName: 'nestjs-advisory-lock' },
  );
  const session = new LockSession(await connections.open(), connections.use, () => undefined);
  defer(async () => {
    await session.close();
    await connections.close();
  });
  return session;
}

describe('two batches in flight', () => {
  it('have their own results after an error whose end has not been read', async () => {
    const other = await openSession(pg.Pool);
    const session = await openSession(HaltingPool);
    // From now on, half of so many travel together.
    await tryAll(session, 100, 132);
    await tryAll(other, 0, 16);
    const failed = session.query({ text: 'SELECT 1 / 0' }).catch(String);
    const results = await tryAll(session, 0, 32);
    expect(await failed).toMatch(/division by zero/);
    expect(results).toEqual(results.map((_, n) => n >= 16));
  });

  it('take up what many callers request at once after few did', async () => {
    const session = await openSession(CountingPool);
    await tryAll(session, 0, 16);
    queries = 0;
    const results = await tryAll(session, 16, 1_016);
    expect(results.every(Boolean)).toBe(true);
    // Each takes about as many as all before it.
    expect(queries).toBeLessThan(10);
  });
});
