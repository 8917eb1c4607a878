import { LockKey } from '../core/index.js';
import type { Fleet } from './fleet.js';
import type { RunQuery } from '../inspection/inspect-locks.js';
import type { InspectedLock } from '../inspection/inspected-lock.js';
import { type Ending, terminateHolders } from '../inspection/terminate-holders.js';

/** How long the holder may take to report whether it is still the same hold by default, in milliseconds. */
const REPORT_WITHIN_MS = 500;

/** A holder as it was listed. */
export type ListedHolder = Pick<InspectedLock, 'key' | 'backend' | 'holdId'>;

/**
 * Ends the backend of a listed holder, if it is the same one and still holds that lock. An instance of this
 * library keeps its connection from one hold to the next, so it is asked whether it has released the lock
 * since and taken it again. When it does not respond, for example because it hangs, only the backend must be
 * the same. What a session reports that may be no instance of this fleet keeps no holder from being ended.
 */
export async function terminateListed(
  fleet: Fleet,
  query: RunQuery,
  { key, backend, holdId }: ListedHolder,
  withinMs = REPORT_WITHIN_MS,
): Promise<Ending> {
  if (holdId !== undefined) {
    const { locks } = await fleet.inspect({ keys: [LockKey.inPgLocks(key)], withinMs });
    const present = locks.find((lock) => lock.isGranted && lock.backend?.id === backend?.id);
    if (present?.holdId !== undefined && present.holdId !== holdId) {
      return { pids: [], isOwnMeant: false, isRetaken: true };
    }
  }
  return terminateHolders(query, {
    key,
    ...(backend !== undefined && { pid: backend.pid }),
    ...(backend?.id !== undefined && { backendId: backend.id }),
  });
}
