import type { LockTable } from '../engine/lock-table.js';
import type { WantedLock } from './lock-arguments.js';
import { preparedHolders, type PreparedTransaction, viewLocks } from './lock-view.js';
import type { SeenLock } from './seen-lock.js';

/** All that there is to say of one lock, at one moment. */
export interface LockStory {
  /** As a sentence calls it: `"daily-report"`. */
  readonly label: string;
  /** Whether it was asked for by a name, rather than by its key. */
  readonly isNamed: boolean;
  readonly keyId: string;
  readonly permits: number;
  /** The clock of the server. */
  readonly now: Date;
  readonly holders: readonly SeenLock[];
  /** In the order of the queue. */
  readonly waiters: readonly SeenLock[];
  readonly prepared: readonly PreparedTransaction[];
  /** The other locks of those who hold this one. */
  readonly otherLocks: readonly SeenLock[];
  /** The arguments that mean this lock, for another command. */
  readonly asArguments: string;
}

export async function storyOf(table: LockTable, wanted: WantedLock): Promise<LockStory> {
  const { label, keys, permitKeys, turnKey, asArguments } = wanted;
  const { now, locks } = await viewLocks(table, (keyId) => keys.knownNameOf(keyId));
  const permitIds = new Set(permitKeys.map(({ id }) => id));
  const own = locks.filter(({ key }) => permitIds.has(key.id));
  const ofTurn = locks.filter(({ key }) => key.id === turnKey?.id);
  const holders = own.filter((lock) => lock.isGranted && !isCovered(lock, own));
  const pids = new Set(holders.map(({ backend }) => backend?.pid));
  const hasPrepared = holders.some(({ backend }) => backend === undefined);
  return {
    label,
    isNamed: typeof wanted.name === 'string',
    keyId: permitKeys[0]?.id ?? '',
    permits: permitKeys.length,
    now,
    holders,
    // Who has the turn waits for one permit after the other, by way of another connection: that is one who waits, not two.
    waiters: ofTurn.length > 0 ? ofTurn : own.filter(({ isGranted }) => !isGranted),
    prepared: hasPrepared ? await preparedHolders(table, permitKeys) : [],
    otherLocks: locks.filter(
      ({ isGranted, backend, key }) => isGranted && pids.has(backend?.pid) && !permitIds.has(key.id),
    ),
    asArguments,
  };
}

/** A backend that has a lock both ways is one holder, who excludes all others. */
function isCovered({ mode, key, backend }: SeenLock, locks: readonly SeenLock[]): boolean {
  const isSame = (lock: SeenLock) => lock.key.id === key.id && lock.backend?.pid === backend?.pid;
  return (
    mode === 'shared' && locks.some((lock) => lock.mode === 'exclusive' && lock.isGranted && isSame(lock))
  );
}
