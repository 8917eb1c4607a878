import pg from 'pg';
import type { ServerKind } from './contender.js';
import { openRedis } from './rivals.js';

/** Asks the server itself, past the contender, how many locks there are. */
export interface LockCounter {
  count(): Promise<number>;
  close(): Promise<void>;
}

const COUNT = `SELECT count(*)::int FROM pg_catalog.pg_locks
  WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`;

export async function openLockCounter(server: ServerKind, url: string): Promise<LockCounter> {
  if (server === 'redis') {
    const redis = openRedis(url);
    return { count: () => redis.dbsize(), close: () => redis.quit() };
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    count: async () => (await client.query<{ count: number }>(COUNT)).rows[0]?.count ?? Number.NaN,
    close: () => client.end(),
  };
}
