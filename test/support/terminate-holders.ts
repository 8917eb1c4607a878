import type { TestDatabase } from './test-database.js';

/** Ends every backend that holds an advisory lock in this database, as an administrator would. */
export async function terminateHolders(database: TestDatabase): Promise<void> {
  const locks = await database.advisoryLocks();
  await database.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [
    [...new Set(locks.map(({ pid }) => pid))],
  ]);
}
