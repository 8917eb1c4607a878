import {
  applicationNameOf,
  defaultInstanceName,
  type KeyRegistry,
  LockEngine,
  type LockEngineOptions,
} from '../core/index.js';
import { fleetChannels } from '../fleet/channels.js';
import { Fleet } from '../fleet/fleet.js';

export interface EngineInFleet {
  readonly engine: LockEngine;
  /** The instances on the same database, of which this process is one for a while. */
  readonly fleet: Fleet;
}

/** The locks of the database that the environment names. It connects when it is first asked. */
export function openEngine(purpose: string, more: Partial<LockEngineOptions> = {}): LockEngine {
  const { DATABASE_URL: url } = process.env;
  return LockEngine.open({
    // What is left out node-postgres takes from the PG* variables: https://node-postgres.com/features/connecting
    database: () => ({ type: 'postgres', ...(url && { url }) }),
    applicationName: applicationNameOf(defaultInstanceName(), purpose),
    ...more,
  });
}

/** The same, as an instance of the fleet: it asks the others, and reports what it holds itself. */
export function openEngineInFleet(purpose: string, keys: KeyRegistry): EngineInFleet {
  const engine = openEngine(purpose, { keys, channelsOf: fleetChannels });
  return { engine, fleet: new Fleet(engine) };
}
