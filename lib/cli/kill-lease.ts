import { printable } from '../core/index.js';
import { confirm, type Confirmation } from './ask.js';
import { describeLease } from './describe-lease.js';
import { ExitStatus } from './exit-status.js';
import { endLease, leasesOf } from './leases.js';
import type { WantedLock } from './lock-arguments.js';
import type { EngineInFleet } from './open-engine-in-fleet.js';
import { print } from './print.js';
import type { TableArgument } from './table-arguments.js';
import { capitalize } from './words.js';
import { UsageError } from './usage.error.js';

export interface LeaseToKill {
  readonly wanted: WantedLock;
  readonly leaseTable: TableArgument;
  readonly reason: string | undefined;
}

/** Shows the lease of a name, asks, and ends it if it is still the same grant. Resolves to the status. */
export async function killLease(
  { engine, fleet }: EngineInFleet,
  { wanted: { name, label, keys }, leaseTable, reason }: LeaseToKill,
  confirmation: Confirmation,
): Promise<number> {
  if (typeof name !== 'string') throw new UsageError('--lease needs a name: leases have no key.');
  const [lease] = await leasesOf(engine, leaseTable, keys, name);
  if (lease === undefined) {
    print(`No lease ${label} is held, as far as ${leaseTable.sql} shows.`);
    return ExitStatus.problems;
  }
  const { now } = await fleet.inspect({});
  print(`This ends the lease ${label}: ${describeLease(lease, now)}.`);
  print('Another caller can have it at once. The holder is not notified: its next extension is refused.');
  if (!(await confirm('End it?', confirmation))) {
    print('No lease was ended.');
    return ExitStatus.problems;
  }
  if (!(await endLease(engine, leaseTable, keys, lease))) {
    print(`${capitalize(label)} is not the lease any more that was shown, and was not ended.`);
    return ExitStatus.changed;
  }
  print(`The lease ${label} was ended${reason === undefined ? '' : `: ${printable(reason)}`}.`);
  return ExitStatus.ok;
}
