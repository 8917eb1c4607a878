import { LockConnections } from '../engine/lock-connections.js';
import { LockTable } from '../engine/lock-table.js';

/** The locks of the database that the environment names. Connects when it is first asked. */
export function openLockTable(applicationName: string): LockTable {
  const { DATABASE_URL: url } = process.env;
  return new LockTable(
    // What is left out node-postgres takes from the PG* variables: https://node-postgres.com/features/connecting
    new LockConnections(() => ({ type: 'postgres', ...(url && { url }) }), { applicationName }),
  );
}
