import {
  applicationNameOf,
  defaultInstanceName,
  KeyBook,
  LockConnections,
  LockTable,
} from '../core/index.js';
import { Fleet } from '../fleet/fleet.js';

export interface OpenLockTable {
  readonly table: LockTable;
  /** The instances on the same database, of which this process is one for a while. */
  readonly fleet: Fleet;
}

/** The locks of the database that the environment names. Connects when it is first asked. */
export function openLockTable(purpose: string, keys = new KeyBook()): OpenLockTable {
  const { DATABASE_URL: url } = process.env;
  const instance = defaultInstanceName();
  // What is left out node-postgres takes from the PG* variables: https://node-postgres.com/features/connecting
  const table = new LockTable(
    new LockConnections(() => ({ type: 'postgres', ...(url && { url }) }), {
      applicationName: applicationNameOf(instance, purpose),
    }),
  );
  return { table, fleet: new Fleet(table, keys, { instance }) };
}
