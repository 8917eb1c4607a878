import type { InspectedLock } from '../inspection/inspected-lock.js';
import type { InstanceReport, ReportedLock } from './instance-report.js';

/** Adds what the instances have reported to what Postgres shows. */
export function enrichLocks(
  locks: readonly InspectedLock[],
  reports: readonly InstanceReport[],
  nameOf: (keyId: string) => string | undefined,
  now: Date,
): InspectedLock[] {
  const reporters = new Map<number, Reporter>();
  for (const { instance, backends, locks: reported } of reports) {
    const reporter = { instance, locks: new Map(reported.map((lock) => [lock.key, lock])) };
    for (const pid of backends) if (!reporters.has(pid)) reporters.set(pid, reporter);
  }
  return locks.map((lock) => {
    const reporter = lock.backend && reporters.get(lock.backend.pid);
    const reported = reporter?.locks.get(lock.key.id);
    const instance = reporter?.instance ?? lock.instance;
    const name = lock.name ?? nameOf(lock.key.id) ?? nameIn(reported);
    return {
      ...lock,
      ...(name !== undefined && { name }),
      ...(instance !== undefined && { instance }),
      ...(lock.isGranted && reported?.heldMs !== undefined && { heldMs: reported.heldMs }),
      ...(lock.isGranted && reported?.holdId !== undefined && { holdId: reported.holdId }),
      ...(lock.isGranted && reported?.isClaim === true && { isClaim: true }),
      ...(!lock.isGranted && waitOf(reported, now)),
      ...(reported?.waiters !== undefined && { callsWaiting: reported.waiters }),
    };
  });
}

/** A backend waits in turns, and for one lock after the other; only its instance knows since when. */
function waitOf(
  reported: ReportedLock | undefined,
  now: Date,
): Pick<InspectedLock, 'waitingSince' | 'waitingMs'> | undefined {
  if (reported?.waitedMs === undefined) return undefined;
  return { waitingSince: new Date(now.getTime() - reported.waitedMs), waitingMs: reported.waitedMs };
}

interface Reporter {
  readonly instance: string;
  readonly locks: ReadonlyMap<string, ReportedLock>;
}

function nameIn(reported: ReportedLock | undefined): string | undefined {
  return reported === undefined || reported.name === reported.key ? undefined : reported.name;
}
