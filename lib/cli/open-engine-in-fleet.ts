import type { KeyRegistry, LockEngine } from '../core/index.js';
import { fleetChannels } from '../fleet/channels.js';
import { Fleet } from '../fleet/fleet.js';
import { openEngine } from './open-engine.js';

export interface EngineInFleet {
  readonly engine: LockEngine;
  /** The fleet of the database, which this process joins for a while. */
  readonly fleet: Fleet;
}

/** An engine as a member of the fleet: it asks the instances, and reports its own locks. */
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
