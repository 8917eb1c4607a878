import { idleMsOf } from '../../inspection/held-for.js';
import type { InspectedLock } from '../../inspection/inspected-lock.js';
import type { Since } from './dashboard-locks.js';
import type { Sightings } from './sightings.js';

/** What a sighting of a lock is remembered by: the same backend, not another one under its pid. */
export function sightingOf({ key, backend, isGranted, mode }: InspectedLock): string {
  return `${key.id} ${isGranted ? 'held' : 'wanted'} ${mode} ${backend?.id ?? backend?.pid ?? 'prepared'}`;
}

/**
 * Postgres does not note when a lock was granted. Its holder knows, if it is of this library; else it is no less than how long it has been
 * seen with it, and, for who is idle, than how long it has been so.
 *
 * @param serverNowMs - by the clock of the server.
 */
export function sinceOf(lock: InspectedLock, sightings: Sightings, serverNowMs: number): Since {
  const exactMs = lock.isGranted ? lock.heldMs : lock.waitingMs;
  if (exactMs !== undefined) return { sinceMs: Math.max(0, Math.round(exactMs)) };
  const idleMs = lock.isGranted ? idleMsOf(lock, serverNowMs) : undefined;
  const atLeastMs = Math.round(Math.max(sightings.ageMs(sightingOf(lock)), idleMs ?? 0));
  return atLeastMs > 0 ? { sinceMs: atLeastMs, isAtLeast: true } : {};
}
