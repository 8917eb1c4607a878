import type { LockKey } from '../core/index.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import type { InstanceReport } from '../fleet/instance-report.js';
import type { WantedLock } from './lock-arguments.js';
import type { EngineInFleet } from './open-engine.js';
import { preparedHolders, type PreparedTransaction } from './prepared-holders.js';

/** All that there is to say of one lock, at one moment. */
export interface LockStory {
  /** As a sentence calls it: `"daily-report"`. */
  readonly label: string;
  /** Without its namespace; `undefined` when it was asked for by its key. */
  readonly name: string | undefined;
  readonly keyId: string;
  readonly permits: number;
  /** The clock of the server. */
  readonly now: Date;
  readonly holders: readonly InspectedLock[];
  /** In the order of the queue. */
  readonly waiters: readonly InspectedLock[];
  /** Instances that wait without a place in the queue, as all their connections are taken: they try again and again. */
  readonly trying: readonly TryingInstance[];
  readonly prepared: readonly PreparedTransaction[];
  /** All other locks of the database. */
  readonly otherLocks: readonly InspectedLock[];
  /** The arguments that mean this lock, for another command. */
  readonly asArguments: string;
}

export interface TryingInstance {
  readonly instance: string;
  readonly calls: number;
  /** For how long the first of them has waited, in milliseconds. */
  readonly waitedMs?: number;
}

/** Looks for it, and asks the instances what they know of it; without `withinMs` it asks nobody. */
export async function storyOf(
  { engine, fleet }: EngineInFleet,
  wanted: WantedLock,
  withinMs?: number,
): Promise<LockStory> {
  const { label, name, permitKeys, turnKey, asArguments } = wanted;
  const permitIds = new Set(permitKeys.map(({ id }) => id));
  const isOwn = ({ key }: InspectedLock): boolean => permitIds.has(key.id) || key.id === turnKey?.id;
  // Two looks: an instance that holds very much tells all of what it is asked about, but not of all that it holds.
  const keys = turnKey === undefined ? permitKeys : [...permitKeys, turnKey];
  const { locks, reports } = await fleet.inspect({ keys, withinMs });
  const { now, locks: all } = await fleet.inspect({ withinMs });
  const ofPermits = locks.filter(({ key }) => permitIds.has(key.id));
  const ofTurn = locks.filter(({ key }) => key.id === turnKey?.id);
  const holders = ofPermits.filter((lock) => lock.isGranted && !isCovered(lock, ofPermits));
  const hasPrepared = holders.some(({ backend }) => backend === undefined);
  return {
    label,
    name: typeof name === 'string' ? name : undefined,
    keyId: permitKeys[0]?.id ?? '',
    permits: permitKeys.length,
    now,
    holders,
    // Who has the turn waits for one permit after the other, by way of another connection: that is one who waits, not two.
    waiters: ofTurn.length > 0 ? ofTurn : ofPermits.filter(({ isGranted }) => !isGranted),
    trying: reports.flatMap((report) => tryingIn(report, turnKey ?? permitKeys[0], locks)),
    prepared: hasPrepared ? await preparedHolders(engine, permitKeys) : [],
    otherLocks: all.filter((lock) => !isOwn(lock)),
    asArguments,
  };
}

/** A backend that has a lock both ways is one holder, who excludes all others. */
function isCovered({ mode, key, backend }: InspectedLock, locks: readonly InspectedLock[]): boolean {
  const isSame = (lock: InspectedLock) => lock.key.id === key.id && lock.backend?.pid === backend?.pid;
  return (
    mode === 'shared' && locks.some((lock) => lock.mode === 'exclusive' && lock.isGranted && isSame(lock))
  );
}

/** What an instance waits for, if it is not seen to wait. */
function tryingIn(
  { instance, backends, locks: reported }: InstanceReport,
  wanted: LockKey | undefined,
  locks: readonly InspectedLock[],
): TryingInstance[] {
  const { waiters = 0, waitedMs } = reported.find(({ key }) => key === wanted?.id) ?? {};
  const isSeen = locks.some(
    ({ key, backend }) => key.id === wanted?.id && backend !== undefined && backends.includes(backend.pid),
  );
  if (waiters === 0 || isSeen) return [];
  return [{ instance, calls: waiters, ...(waitedMs !== undefined && { waitedMs }) }];
}
