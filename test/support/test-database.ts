import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { cleanUpAfterTest, cleanUpDownTo, defer, pendingCleanups } from './cleanup.js';
import {
  type ConnectionRow,
  failOnLeaks,
  findAdvisoryLocks,
  findConnections,
  type LeakCheckOptions,
  type LockRow,
  OWN_APPLICATION_NAME,
} from './leak-check.js';

export interface TestDatabase {
  name: string;
  url: string;
  /** Runs on one connection that is kept for the whole file and is never counted. */
  query<Row extends pg.QueryResultRow>(sql: string, params?: unknown[]): Promise<Row[]>;
  advisoryLocks(): Promise<LockRow[]>;
  connections(): Promise<ConnectionRow[]>;
}

/**
 * Gives the spec file, or the `describe` block, a database of its own. After each test, or the last one, no
 * advisory lock and no connection may be left in it; what a test opens is closed with `defer`.
 */
export function useTestDatabase(options: LeakCheckOptions = {}): TestDatabase {
  const { TEST_ADMIN_URL: adminUrl, TEST_DATABASE_PREFIX: prefix } = process.env;
  if (!adminUrl || !prefix) throw new Error('There is no Postgres: global-setup.ts did not run.');

  const name = `${prefix}_${randomBytes(4).toString('hex')}`;
  const url = urlOf(adminUrl, name);
  const admin = singleConnection(adminUrl);
  const own = singleConnection(url);

  let cleanupsBefore = 0;

  beforeAll(async () => {
    cleanupsBefore = pendingCleanups();
    // template1 cannot be copied while it has connections, and template0 allows none.
    await admin.query(`CREATE DATABASE "${name}" TEMPLATE template0`);
  });

  afterEach(async () => {
    try {
      await cleanUpAfterTest();
    } finally {
      if (options.after !== 'the last test') await failOnLeaks(admin, name, options);
    }
  });

  afterAll(async () => {
    try {
      await cleanUpDownTo(cleanupsBefore);
      await failOnLeaks(admin, name, { ...options, connectionsMayStay: false });
    } finally {
      await own.end();
      await admin.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
      await admin.end();
    }
  });

  return {
    name,
    url,
    query: async <Row extends pg.QueryResultRow>(sql: string, params?: unknown[]) =>
      (await own.query<Row>(sql, params)).rows,
    advisoryLocks: () => findAdvisoryLocks(admin, name),
    connections: () => findConnections(admin, name),
  };
}

/** A server for this test alone, for settings of its own: `['-c', 'max_connections=5']`. */
export async function startServer(postgresFlags: string[]): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ postgresFlags });
  defer(() => server.stop());
  return server;
}

function urlOf(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${database}`;
  return url.href;
}

function singleConnection(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    idleTimeoutMillis: 0,
    application_name: OWN_APPLICATION_NAME,
  });
  // The leak check may end the connection when a test left a lock on it; the pool then opens another.
  pool.on('error', () => undefined);
  return pool;
}
