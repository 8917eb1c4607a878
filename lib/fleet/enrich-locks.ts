import type { InspectedLock } from '../inspection/inspected-lock.js';
import type { InstanceReport, ReportedLock } from './instance-report.js';

/** How much a reported time may be above that of the server, in milliseconds: clocks differ. */
const SLACK_MS = 5_000;

/**
 * Adds what the instances have reported to what Postgres shows. Of a report that is not confirmed it adds
 * only that there is one.
 */
export function enrichLocks(
  locks: readonly InspectedLock[],
  reports: readonly InstanceReport[],
  /** When the last report has arrived, by the clock of the server. */
  now: Date,
  nameOf: (keyId: string) => string | undefined,
): InspectedLock[] {
  const reporters = new Map<number, Reporter>();
  const unconfirmedPids = new Set<number>();
  for (const { instance, backends, locks: reported, isUnconfirmed } of reports) {
    if (isUnconfirmed === true) {
      for (const pid of backends) unconfirmedPids.add(pid);
      continue;
    }
    const reporter = { instance, locks: new Map(reported.map((lock) => [lock.key, lock])) };
    for (const pid of backends) if (!reporters.has(pid)) reporters.set(pid, reporter);
  }
  return locks.map((lock) => {
    const reporter = lock.backend && reporters.get(lock.backend.pid);
    const reported = reporter?.locks.get(lock.key.id);
    const instance = reporter?.instance ?? lock.instance;
    const heldMs = lock.isGranted ? possibleMs(reported?.heldMs, lock, now) : undefined;
    const name = lock.name ?? nameOf(lock.key.id) ?? nameIn(reported);
    return {
      ...lock,
      ...(name !== undefined && { name }),
      ...(instance !== undefined && { instance }),
      ...(heldMs !== undefined && { heldMs }),
      ...(lock.isGranted && reported?.holdId !== undefined && { holdId: reported.holdId }),
      ...(lock.isGranted && reported?.isClaim === true && { isClaim: true }),
      ...(!lock.isGranted && waitOf(reported, now)),
      ...(reported?.waiters !== undefined && { callsWaiting: reported.waiters }),
      ...(lock.backend !== undefined && unconfirmedPids.has(lock.backend.pid) && { isUnconfirmed: true }),
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

/** A reported time, unless it is impossible: no lock is held for longer than its connection is open. */
function possibleMs(heldMs: number | undefined, { backend }: InspectedLock, now: Date): number | undefined {
  const { startedAt } = backend ?? {};
  if (heldMs === undefined || startedAt === undefined) return heldMs;
  return heldMs <= now.getTime() - startedAt.getTime() + SLACK_MS ? heldMs : undefined;
}

function nameIn(reported: ReportedLock | undefined): string | undefined {
  return reported === undefined || reported.name === reported.key ? undefined : reported.name;
}
