import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';

/** The `application_name` of the connection behind `query()` of a test database. */
export const OWN_APPLICATION_NAME = 'test-database';

export interface LockRow {
  pid: number;
  applicationName: string;
  classid: number;
  objid: number;
  objsubid: number;
  mode: string;
  granted: boolean;
}

export interface ConnectionRow {
  pid: number;
  applicationName: string;
  state: string;
  query: string;
}

export interface LeakCheckOptions {
  /** When to look: what tests share has locks and connections between them. Default: after each test. */
  after?: 'each test' | 'the last test';
  /** Idle connections are no leak. Default: false. */
  connectionsMayStay?: boolean;
  /** How long locks and connections may take to go away. Default: 3 s. */
  deadlineMs?: number;
}

// These queries have names, and are planned once for all tests of a file: that takes longer than they do.

/** Every advisory lock in the database, held or waited for. */
export async function findAdvisoryLocks(observer: pg.Pool, database: string): Promise<LockRow[]> {
  const { rows } = await observer.query<LockRow>({
    name: 'advisory-locks',
    text: `
      SELECT l.pid, a.application_name AS "applicationName",
             l.classid, l.objid, l.objsubid, l.mode, l.granted
        FROM pg_catalog.pg_locks l
        JOIN pg_catalog.pg_database d ON d.oid = l.database
        LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
       WHERE l.locktype = 'advisory' AND d.datname = $1`,
    values: [database],
  });
  return rows;
}

/** Every client connection to the database but the one of the test database itself. */
export async function findConnections(observer: pg.Pool, database: string): Promise<ConnectionRow[]> {
  const { rows } = await observer.query<ConnectionRow>({
    name: 'connections',
    text: `
      SELECT pid, application_name AS "applicationName", state, query
        FROM pg_catalog.pg_stat_activity
       WHERE datname = $1 AND backend_type = 'client backend' AND application_name <> $2`,
    values: [database, OWN_APPLICATION_NAME],
  });
  return rows;
}

/** Throws an error that lists what is still there at the deadline, and has the server end all of it. */
export async function failOnLeaks(
  observer: pg.Pool,
  database: string,
  { connectionsMayStay = false, deadlineMs = 3_000 }: LeakCheckOptions = {},
): Promise<void> {
  const findLeaks = async () => {
    const locks = await findAdvisoryLocks(observer, database);
    const connections = await findConnections(observer, database);
    return [...locks, ...connections.filter(({ state }) => !connectionsMayStay || state !== 'idle')];
  };

  const leaks = await pollUntilEmpty(findLeaks, deadlineMs);
  if (leaks.length === 0) return;
  await observer.query('SELECT pg_catalog.pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [
    leaks.map(({ pid }) => pid),
  ]);
  await pollUntilEmpty(findLeaks, deadlineMs);
  const lines = leaks.map((leak) => `  ${'mode' in leak ? 'lock' : 'connection'} ${JSON.stringify(leak)}`);
  throw new Error(`Left behind in the database:\n${lines.join('\n')}`);
}

async function pollUntilEmpty<T>(find: () => Promise<T[]>, deadlineMs: number): Promise<T[]> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const found = await find();
    if (found.length === 0 || performance.now() >= deadline) return found;
    await delay(20);
  }
}
