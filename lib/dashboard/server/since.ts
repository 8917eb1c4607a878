import { idleMsOf } from '../../inspection/held-for.js';
import type { InspectedLock } from '../../inspection/inspected-lock.js';
import type { Since } from './dashboard-locks.js';
import type { Sightings } from './sightings.js';

/** The id by which a sighting of a lock is remembered: it distinguishes backends with the same pid. */
export function sightingOf({ key, backend, isGranted, mode }: InspectedLock): string {
  return `${key.id} ${isGranted ? 'held' : 'wanted'} ${mode} ${backend?.id ?? backend?.pid ?? 'prepared'}`;
}

/**
 * For how long a party has held its lock, or waited for it. Postgres does not record when a lock was granted;
 * a holder of this library reports it. For other holders there is a lower bound: for how long the dashboard
 * has seen them with the lock, or for how long they have been idle.
 *
 * @param serverNowMs - the moment by the clock of the server.
 */
export function sinceOf(lock: InspectedLock, sightings: Sightings, serverNowMs: number): Since {
  const exactMs = lock.isGranted ? lock.heldMs : lock.waitingMs;
  if (exactMs !== undefined) return { sinceMs: Math.max(0, Math.round(exactMs)) };
  const idleMs = lock.isGranted ? idleMsOf(lock, serverNowMs) : undefined;
  const atLeastMs = Math.round(Math.max(sightings.ageMs(sightingOf(lock)), idleMs ?? 0));
  return atLeastMs > 0 ? { sinceMs: atLeastMs, isAtLeast: true } : {};
}
