import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { cleanUpAfterTest, cleanUpDownTo, defer, pendingCleanups } from './cleanup.js';
import type { LeakCheckOptions } from './leak-check.js';
import { OwnDatabase, type TestDatabase } from './own-database.js';

export type { TestDatabase } from './own-database.js';

/**
 * Gives the spec file, or the `describe` block, a database of its own. After each test, or the last one, no
 * advisory lock and no connection may be left in it; what a test opens is closed with `defer`.
 */
export function useTestDatabase(options: LeakCheckOptions = {}): TestDatabase {
  const database = new OwnDatabase();
  let cleanupsBefore = 0;

  beforeAll(async () => {
    cleanupsBefore = pendingCleanups();
    await database.create();
  });

  afterEach(async () => {
    try {
      await cleanUpAfterTest();
    } finally {
      if (options.after !== 'the last test') await database.failOnLeaks(options);
    }
  });

  afterAll(async () => {
    try {
      await cleanUpDownTo(cleanupsBefore);
      await database.failOnLeaks({ ...options, connectionsMayStay: false });
    } finally {
      await database.drop();
    }
  });

  return {
    name: database.name,
    url: database.url,
    query: (sql, params) => database.query(sql, params),
    advisoryLocks: () => database.advisoryLocks(),
    connections: () => database.connections(),
  };
}

/** A server for this test alone, for settings of its own: `['-c', 'max_connections=5']`. */
export async function startServer(postgresFlags: string[]): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ postgresFlags });
  defer(() => server.stop());
  return server;
}
