import { LockKey } from '../../core/index.js';
import type { DashboardLock, DashboardParty } from './dashboard-snapshot.js';

/**
 * The locks that a text is found in: in the name, the key in any form, or the instance, application, user, pid or address of who holds
 * it or waits. Without a text it is all but claims on ticks, of which there are as many as ticks. A text that is the name of a lock
 * without anybody having told so finds it by its key, under that name.
 *
 * @param keyIdOf - the key of a name as text, or nothing for a text that cannot be one.
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

/** Keys are written with blanks and without. */
function comparable(text: string): string {
  return text.replaceAll(/[^\S\n]+/g, '').toLowerCase();
}
