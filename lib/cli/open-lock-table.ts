import { applicationNameOf, defaultInstanceName } from '../engine/application-name.js';
import { KeyBook } from '../engine/key-book.js';
import { LockTable } from '../engine/lock-table.js';
import { Fleet } from '../inspect/fleet/fleet.js';

export interface OpenLockTable {
  readonly table: LockTable;
  /** The instances on the same database, of which this process is one for a while. */
  readonly fleet: Fleet;
}

/** The locks of the database that the environment names. Connects when it is first asked. */
export async function openLockTable(purpose: string, keys = new KeyBook()): Promise<OpenLockTable> {
  const { DATABASE_URL: url } = process.env;
  const instance = defaultInstanceName();
  // TypeORM takes a quarter of a second to load, which what needs no database does without.
  const { LockConnections } = await import('../engine/lock-connections.js');
  // What is left out node-postgres takes from the PG* variables: https://node-postgres.com/features/connecting
  const table = new LockTable(
    new LockConnections(() => ({ type: 'postgres', ...(url && { url }) }), {
      applicationName: applicationNameOf(instance, purpose),
    }),
  );
  return { table, fleet: new Fleet(table, keys, { instance }) };
}
