import type { InspectedLock } from '../../inspection/inspected-lock.js';
import type { InstanceReport } from '../../fleet/instance-report.js';
import type { DashboardLock, DashboardParty } from './dashboard-snapshot.js';
import type { FleetLook } from '../../fleet/fleet-look.js';

/** How many holders are named for calls that wait inside a process: a shared lock may have any number. */
const MAX_BLOCKERS = 100;

/** For how long a party has held its lock or waited for it, as far as is known. */
export interface Since {
  readonly sinceMs?: number;
  readonly isAtLeast?: boolean;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };
type Draft = Omit<DashboardLock, 'holders' | 'waiters'> & {
  readonly holders: DashboardParty[];
  readonly waiters: Writable<DashboardParty>[];
};

/**
 * The inspected locks, each once with all its holders and waiters; locks with waiters first, then the longest
 * held.
 */
export function dashboardLocksOf(
  { locks, reports }: Pick<FleetLook, 'locks' | 'reports'>,
  sinceOf: (lock: InspectedLock) => Since,
): DashboardLock[] {
  const drafts = new Map<string, Draft>();
  const waitersOf = new Map<number, Map<string, Writable<DashboardParty>>>();
  for (const lock of locks) {
    const { key, backend, isGranted } = lock;
    const draft = drafts.get(key.id) ?? draftOf(lock);
    drafts.set(key.id, draft);
    const party = partyOf(lock, sinceOf(lock));
    (isGranted ? draft.holders : draft.waiters).push(party);
    if (isGranted || backend === undefined) continue;
    const ofBackend = waitersOf.get(backend.pid) ?? new Map<string, Writable<DashboardParty>>();
    waitersOf.set(backend.pid, ofBackend);
    if (!ofBackend.has(key.id)) ofBackend.set(key.id, party);
  }
  for (const report of reports) addWaitingCalls(report, drafts, waitersOf);
  for (const { waiters } of drafts.values()) waiters.sort(byAge);
  return [...drafts.values()].sort(
    (a, b) =>
      Number(b.waiters.length > 0) - Number(a.waiters.length > 0) ||
      oldestMs(b.waiters) - oldestMs(a.waiters) ||
      oldestMs(b.holders) - oldestMs(a.holders) ||
      (a.name ?? a.key.id).localeCompare(b.name ?? b.key.id),
  );
}

function draftOf({ key: { id, classid, objid, objsubid }, name, tool, isClaim }: InspectedLock): Draft {
  return {
    key: { id, classid, objid, objsubid },
    ...(name !== undefined && { name }),
    ...(tool !== undefined && { tool }),
    ...(isClaim === true && { isClaim }),
    holders: [],
    waiters: [],
  };
}

function partyOf(lock: InspectedLock, since: Since): DashboardParty {
  const { backend, instance = backend?.instance, isGranted, mode, scope, blockedBy, callsWaiting } = lock;
  return withoutMissing({
    pid: backend?.pid,
    backendId: backend?.id,
    holdId: lock.holdId,
    instance,
    applicationName: backend?.applicationName,
    user: backend?.user,
    clientAddress: backend?.clientAddress,
    state: backend?.state,
    mode,
    scope,
    ...since,
    // Calls that wait behind a holder are shown as a waiter of their own.
    callsWaiting: isGranted ? undefined : callsWaiting,
    isUnconfirmed: lock.isUnconfirmed,
    blockedBy,
  });
}

/**
 * Adds calls that wait inside a process. They stand behind the one that waits in Postgres, or are a waiter of
 * their own where the process itself holds the lock.
 */
function addWaitingCalls(
  { instance, backends, locks, isUnconfirmed }: InstanceReport,
  drafts: ReadonlyMap<string, Draft>,
  waitersOf: ReadonlyMap<number, ReadonlyMap<string, Writable<DashboardParty>>>,
): void {
  if (isUnconfirmed === true) return;
  const heads = new Map(backends.flatMap((pid) => [...(waitersOf.get(pid) ?? [])]));
  for (const { key, waiters: callsWaiting = 0, waitedMs } of locks) {
    const draft = drafts.get(key);
    if (draft === undefined || callsWaiting === 0) continue;
    const head = heads.get(key);
    if (head === undefined) {
      draft.waiters.push(
        withoutMissing({
          instance,
          mode: 'exclusive',
          sinceMs: waitedMs,
          callsWaiting,
          blockedBy: draft.holders.slice(0, MAX_BLOCKERS).flatMap(({ pid }) => pid ?? []),
        }),
      );
    } else {
      head.callsWaiting = callsWaiting;
      head.instance ??= instance;
    }
  }
}

function withoutMissing<T extends object>(party: { [Name in keyof T]: T[Name] | undefined }): T {
  return Object.fromEntries(Object.entries(party).filter(([, value]) => value !== undefined)) as T;
}

function byAge(a: DashboardParty, b: DashboardParty): number {
  return (b.sinceMs ?? -1) - (a.sinceMs ?? -1);
}

function oldestMs(parties: readonly DashboardParty[]): number {
  return parties.reduce((oldest, { sinceMs = -1 }) => Math.max(oldest, sinceMs), -1);
}
