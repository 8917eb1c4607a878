import {
  applicationNameOf,
  defaultInstanceName,
  isWholeNumber,
  type KeyRegistry,
  LockEngine,
  type LockEngineOptions,
  messageOf,
  parseAddress,
} from '../core/index.js';
import { fleetChannels } from '../fleet/channels.js';
import { Fleet } from '../fleet/fleet.js';
import { DatabaseAddressError } from './database-address.error.js';

export interface EngineInFleet {
  readonly engine: LockEngine;
  /** The fleet of the database, which this process joins for a while. */
  readonly fleet: Fleet;
}

/** An engine for the database that the environment names. It connects at its first use. */
export function openEngine(purpose: string, more: Partial<LockEngineOptions> = {}): LockEngine {
  const { DATABASE_URL: url } = process.env;
  if (url) checkAddress(url);
  return LockEngine.open({
    // node-postgres reads what is missing from the PG* variables:
    // https://node-postgres.com/features/connecting
    database: () => (url ? { connectionString: url } : {}),
    applicationName: applicationNameOf(defaultInstanceName(), purpose),
    ...more,
  });
}

/** The same, as a member of the fleet: it asks the instances, and reports its own locks. */
export function openEngineInFleet(purpose: string, keys: KeyRegistry): EngineInFleet {
  const engine = openEngine(purpose, { keys, channelsOf: fleetChannels });
  return { engine, fleet: new Fleet(engine, { secret: fleetSecrets() }) };
}

/** The secrets of the environment, one a line: the first signs, and each is accepted. */
function fleetSecrets(): readonly string[] | undefined {
  const lines = (process.env.ADVISORY_LOCK_FLEET_SECRET ?? '').split(/\r?\n/);
  const secrets = lines.filter((line) => line !== '');
  return secrets.length === 0 ? undefined : secrets;
}

/** Throws when it is not an address of Postgres, before anything else is done with it. */
function checkAddress(url: string): void {
  if (!/^postgres(ql)?:\/\//i.test(url)) throw DatabaseAddressError.ofScheme(url);
  let port: unknown;
  try {
    ({ port } = parseAddress(url, 'DATABASE_URL'));
  } catch (error) {
    throw new DatabaseAddressError(messageOf(error));
  }
  // As `?port=` of the address, nothing else checks it.
  if (port && !isWholeNumber(Number(port), 1, 65_535))
    throw new DatabaseAddressError('DATABASE_URL must have a port from 1 to 65535, received another one.');
}
