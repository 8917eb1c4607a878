import { beginningOf, type LockKey, type LockRuntime } from '../core/index.js';
import type { ReportedLock } from './instance-report.js';
import { asciiJson } from './parts.js';

/**
 * How many locks are reported at most: those with the longest waits, then those that have been held longest.
 */
const MAX_LOCKS = 500;

/** Longer names are cut: an application may make names of any length. */
const MAX_NAME_LENGTH = 300;

/** How long the names of one report are together, at most, in characters as they are sent. */
const MAX_NAMES_LENGTH = 100_000;

/** All locks that this process holds or waits for. */
export function localLocks(
  { activities, claims }: Pick<LockRuntime, 'activities' | 'claims'>,
  nameOf: (key: LockKey) => string,
): ReportedLock[] {
  const locks: ReportedLock[] = [];
  for (const { key, holds, waiters } of activities) {
    const [hold, first] = [holds[0], waiters[0]];
    if (hold === undefined && first === undefined) continue;
    locks.push({
      ...named(key, nameOf),
      ...(hold !== undefined && {
        heldMs: Math.max(
          0,
          Date.now() - holds.reduce((first, { acquiredAtMs }) => Math.min(first, acquiredAtMs), Infinity),
        ),
        holdId: hold.id,
      }),
      ...(first !== undefined && { waiters: waiters.length, waitedMs: sinceMs(first.since) }),
    });
  }
  for (const { key, madeAt } of claims.held)
    locks.push({ ...named(key, nameOf), heldMs: sinceMs(madeAt), isClaim: true });
  return locks;
}

/** The locks that a report has room for: those that were asked about, or the most relevant ones. */
export function mostRelevant(locks: readonly ReportedLock[], keys: readonly string[]): ReportedLock[] {
  if (keys.length > 0) {
    const wanted = new Set(keys);
    return locks.filter(({ key }) => wanted.has(key));
  }
  if (locks.length <= MAX_LOCKS) return [...locks];
  return [...locks]
    .sort(
      (one, other) =>
        (other.waitedMs ?? -1) - (one.waitedMs ?? -1) || (other.heldMs ?? 0) - (one.heldMs ?? 0),
    )
    .slice(0, MAX_LOCKS);
}

/**
 * Leaves out names that are of no use to others, as they were cut, and those of the later locks where all
 * together are long: writing and sending them would hold up the locks.
 */
export function withoutLongNames(locks: readonly ReportedLock[]): ReportedLock[] {
  let room = MAX_NAMES_LENGTH;
  return locks.map((lock) => {
    if (lock.name.length >= MAX_NAME_LENGTH) return { ...lock, name: lock.key };
    // What is no ASCII becomes longer; without room that need not be known.
    room -= room > 0 ? asciiJson(lock.name).length : 0;
    return room > 0 ? lock : { ...lock, name: lock.key };
  });
}

function named(key: LockKey, nameOf: (key: LockKey) => string): Pick<ReportedLock, 'key' | 'name'> {
  const name = nameOf(key);
  return { key: key.id, name: name.length > MAX_NAME_LENGTH ? beginningOf(name, MAX_NAME_LENGTH) : name };
}

function sinceMs(moment: number): number {
  return Math.round(performance.now() - moment);
}
