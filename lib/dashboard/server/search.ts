import { LockKey } from '../../core/index.js';
import type { DashboardLock, DashboardParty } from './dashboard-snapshot.js';

/**
 * The locks that contain a text: in the name, in any form of the key, or in the instance, application, user,
 * pid or address of a holder or waiter. Without a text, all locks except claims on ticks, because there are
 * as many as ticks. A text that is the name of a lock that no instance has reported finds the lock by its
 * key, and names it.
 *
 * @param keyIdOf - the key of a name as text, or `undefined` for a text that cannot be a name.
 */
export function findLocks(
  locks: readonly DashboardLock[],
  text: string,
  keyIdOf: (name: string) => string | undefined,
): readonly DashboardLock[] {
  const wanted = comparable(text);
  if (wanted === '') return locks.filter(({ isClaim }) => isClaim !== true);
  const keyId = keyIdOf(text);
  return locks.flatMap((lock) => {
    if (lock.name === undefined && lock.key.id === keyId) return [{ ...lock, name: text }];
    return comparable(wordsOf(lock).join('\n')).includes(wanted) ? [lock] : [];
  });
}

function wordsOf({ key, name, tool, holders, waiters }: DashboardLock): unknown[] {
  const { bits, pair } = LockKey.inPgLocks(key);
  return [
    name,
    tool,
    bits,
    `(${pair.join(', ')})`,
    `${key.classid}:${key.objid}:${key.objsubid}`,
    ...[...holders, ...waiters].flatMap(wordsOfParty),
  ];
}

function wordsOfParty({ pid, instance, applicationName, user, clientAddress }: DashboardParty): unknown[] {
  return [pid, instance, applicationName, user, clientAddress];
}

/** Keys may be written with or without spaces. */
function comparable(text: string): string {
  return text.replaceAll(/[^\S\n]+/g, '').toLowerCase();
}
