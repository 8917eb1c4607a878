import type { InspectedLock } from '../inspection/inspected-lock.js';
import type { InstanceReport, ReportedLock } from './instance-report.js';

/** Adds what the instances have told to what Postgres shows. */
export function enrichLocks(
  locks: readonly InspectedLock[],
  reports: readonly InstanceReport[],
  nameOf: (keyId: string) => string | undefined,
): InspectedLock[] {
  const tellers = new Map<number, Teller>();
  for (const { instance, backends, locks: told } of reports) {
    const teller = { instance, locks: new Map(told.map((lock) => [lock.key, lock])) };
    for (const pid of backends) if (!tellers.has(pid)) tellers.set(pid, teller);
  }
  return locks.map((lock) => {
    const teller = lock.backend && tellers.get(lock.backend.pid);
    const told = teller?.locks.get(lock.key.id);
    const instance = teller?.instance ?? lock.instance;
    const name = lock.name ?? nameOf(lock.key.id) ?? nameIn(told);
    return {
      ...lock,
      ...(name !== undefined && { name }),
      ...(instance !== undefined && { instance }),
      ...(lock.isGranted && told?.heldMs !== undefined && { heldMs: told.heldMs }),
      ...(lock.isGranted && told?.holdId !== undefined && { holdId: told.holdId }),
      ...(lock.isGranted && told?.isClaim === true && { isClaim: true }),
      ...(told?.waiters !== undefined && { callsWaiting: told.waiters }),
    };
  });
}

interface Teller {
  readonly instance: string;
  readonly locks: ReadonlyMap<string, ReportedLock>;
}

function nameIn(told: ReportedLock | undefined): string | undefined {
  return told === undefined || told.name === told.key ? undefined : told.name;
}
