import type { AdvisoryLock } from '../../lib/index.js';

/** The pids of the backends that hold the lock, in the order of its names; 0 where one is not known. */
export function backendsOf(lock: AdvisoryLock): number[] {
  return lock.allHolds.map(({ session }) => session.backendPid ?? 0);
}
