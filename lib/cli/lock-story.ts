import type { DeadlockedCall, LockKey } from '../core/index.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import { deadlockedCalls, findFleetDeadlock, waitsIn } from '../fleet/fleet-deadlock.js';
import type { InstanceReport } from '../fleet/instance-report.js';
import type { HeldLease } from '../lease/held-lease.js';
import { foreignKeysOf } from './keys-by-scheme.js';
import { keysOfLock, type WantedLock } from './lock-arguments.js';
import type { EngineInFleet } from './open-engine-in-fleet.js';
import { preparedHolders, type PreparedTransaction } from './prepared-holders.js';

/** Everything that is known about one lock at one moment. */
export interface LockStory {
  /** Its name inside a sentence: `"daily-report"`. */
  readonly label: string;
  /** The name without the namespace; `undefined` when it was asked for by its key. */
  readonly name: string | undefined;
  readonly keyId: string;
  readonly permits: number;
  /** The moment, by the clock of the server. */
  readonly now: Date;
  readonly holders: readonly InspectedLock[];
  /** In the order of the queue. */
  readonly waiters: readonly InspectedLock[];
  /**
   * Instances that wait without a place in the queue: they stand there for another lock at the moment, or
   * have no connection left, so they try again and again.
   */
  readonly trying: readonly TryingInstance[];
  /** The deadlock that a wait for it is part of, as far as the instances report it. */
  readonly deadlock?: readonly DeadlockedCall[];
  readonly prepared: readonly PreparedTransaction[];
  /** The lease of that name. Locks do not exclude it. */
  readonly lease?: { readonly held: HeldLease; readonly killArguments: string };
  /** All other locks of the database. */
  readonly otherLocks: readonly InspectedLock[];
  /** Those of them whose key is that of the name by another scheme, as other libraries lock it. */
  readonly ofOtherSchemes?: readonly { readonly scheme: string; readonly lock: InspectedLock }[];
  /** The arguments that select this lock in another command. */
  readonly asArguments: string;
}

export interface TryingInstance {
  readonly instance: string;
  readonly calls: number;
  /** For how long the first of them has waited, in milliseconds. */
  readonly waitedMs?: number;
}

/** Inspects a lock, and asks the instances about it; without `withinMs` it asks none. */
export async function storyOf(
  { engine, fleet }: EngineInFleet,
  wanted: WantedLock,
  withinMs?: number,
): Promise<LockStory> {
  const { label, name, asArguments } = wanted;
  const { permitKeys, turnKey } = await keysOfLock(engine, wanted);
  const [own] = permitKeys;
  const permitIds = new Set(permitKeys.map(({ id }) => id));
  const isOwn = ({ key }: InspectedLock): boolean => permitIds.has(key.id) || key.id === turnKey?.id;
  // Two inspections: an instance with many locks reports all that it is asked about, but not all that it
  // holds.
  const keys = turnKey === undefined ? permitKeys : [...permitKeys, turnKey];
  const { locks, reports } = await fleet.inspect({ keys, withinMs });
  const { now, locks: all } = await fleet.inspect({ withinMs });
  const schemes =
    typeof name === 'string' && own !== undefined ? await foreignKeysOf(engine, name, own) : undefined;
  const ofPermits = locks.filter(({ key }) => permitIds.has(key.id));
  const ofTurn = locks.filter(({ key }) => key.id === turnKey?.id);
  const holders = ofPermits.filter((lock) => lock.isGranted && !isCovered(lock, ofPermits));
  const deadlock = deadlockOf(reports, permitIds);
  const hasPrepared = holders.some(({ backend }) => backend === undefined);
  return {
    label,
    name: typeof name === 'string' ? name : undefined,
    keyId: permitKeys[0]?.id ?? '',
    permits: permitKeys.length,
    now,
    holders,
    // The holder of the turn waits for one permit after the other on another connection: it is one waiter,
    // not two.
    waiters: ofTurn.length > 0 ? ofTurn : ofPermits.filter(({ isGranted }) => !isGranted),
    trying: tryingIn(reports, turnKey ?? permitKeys[0], locks),
    ...(deadlock !== undefined && { deadlock }),
    prepared: hasPrepared ? await preparedHolders(engine, permitKeys) : [],
    otherLocks: all.filter((lock) => !isOwn(lock)),
    ofOtherSchemes: all.flatMap((lock) => {
      const scheme = isOwn(lock) ? undefined : schemes?.get(lock.key.id);
      return scheme === undefined ? [] : [{ scheme, lock }];
    }),
    asArguments,
  };
}

/** A backend that holds a lock both shared and exclusively is one holder, which excludes all others. */
function isCovered({ mode, key, backend }: InspectedLock, locks: readonly InspectedLock[]): boolean {
  const isSame = (lock: InspectedLock) => lock.key.id === key.id && lock.backend?.pid === backend?.pid;
  return (
    mode === 'shared' && locks.some((lock) => lock.mode === 'exclusive' && lock.isGranted && isSame(lock))
  );
}

function deadlockOf(
  reports: readonly InstanceReport[],
  keyIds: ReadonlySet<string>,
): DeadlockedCall[] | undefined {
  const waits = waitsIn(reports);
  for (const { id, keys } of waits) {
    const cycle = keys.some((key) => keyIds.has(key)) ? findFleetDeadlock(id, waits) : undefined;
    if (cycle !== undefined) return deadlockedCalls(cycle);
  }
  return undefined;
}

/** The calls of instances that wait without a backend in the queue. */
function tryingIn(
  reports: readonly InstanceReport[],
  wanted: LockKey | undefined,
  locks: readonly InspectedLock[],
): TryingInstance[] {
  const seen = new Set(locks.filter(({ key }) => key.id === wanted?.id).map(({ backend }) => backend?.pid));
  return reports.flatMap(({ instance, backends, locks: reported, isUnconfirmed }) => {
    const { waiters = 0, waitedMs } = reported.find(({ key }) => key === wanted?.id) ?? {};
    if (waiters === 0 || isUnconfirmed === true || backends.some((pid) => seen.has(pid))) return [];
    return [{ instance, calls: waiters, ...(waitedMs !== undefined && { waitedMs }) }];
  });
}
