import pg from 'pg';
import { connectionName } from '../connection-counter.js';
import type { OpenContender } from '../contender.js';

const LOCK = 'SELECT pg_advisory_lock(hashtextextended($1, 0))';
const UNLOCK = 'SELECT pg_advisory_unlock(hashtextextended($1, 0)) AS done';

/** Waiting without a library: a connection for each waiter, kept for the next time. */
export const open: OpenContender = (url) => {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: connectionName('blocked-connection'),
    max: Number.MAX_SAFE_INTEGER,
    idleTimeoutMillis: 0,
  });
  const waitWithLock = async (name: string, body: () => Promise<void>): Promise<void> => {
    const client = await pool.connect();
    try {
      await client.query(LOCK, [name]);
      await body();
      const { rows } = await client.query<{ done: boolean }>(UNLOCK, [name]);
      if (rows[0]?.done !== true) throw new Error(`${name} was not held`);
    } finally {
      client.release();
    }
  };
  return Promise.resolve({ withLock: waitWithLock, waitWithLock, close: () => pool.end() });
};
