import { LockTable } from '../engine/lock-table.js';

/** The locks of the database that the environment names. Connects when it is first asked. */
export async function openLockTable(applicationName: string): Promise<LockTable> {
  const { DATABASE_URL: url } = process.env;
  // TypeORM takes a quarter of a second to load, which what needs no database does without.
  const { LockConnections } = await import('../engine/lock-connections.js');
  // What is left out node-postgres takes from the PG* variables: https://node-postgres.com/features/connecting
  return new LockTable(
    new LockConnections(() => ({ type: 'postgres', ...(url && { url }) }), { applicationName }),
  );
}
