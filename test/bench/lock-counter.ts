import pg from 'pg';
import type { ServerKind } from './contender.js';
import { openRedis } from './rivals.js';

const COUNT = `SELECT count(*)::int FROM pg_catalog.pg_locks
  WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`;

/** Asks the server itself, past the contender, how many locks there are. */
export class LockCounter {
  constructor(
    private readonly count: () => Promise<number>,
    readonly close: () => Promise<void>,
  ) {}

  async expect(expected: number, when: string): Promise<void> {
    const found = await this.count();
    if (found !== expected) throw new Error(`${found} locks on the server ${when}`);
  }
}

export async function openLockCounter(server: ServerKind, url: string): Promise<LockCounter> {
  if (server === 'redis') {
    const redis = openRedis(url);
    return new LockCounter(
      () => redis.dbsize(),
      () => redis.quit(),
    );
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return new LockCounter(
    async () => (await client.query<{ count: number }>(COUNT)).rows[0]?.count ?? Number.NaN,
    () => client.end(),
  );
}
