import type { InspectedLock } from './inspected-lock.js';

/** For how long a lock has been held, as far as anybody knows. */
export interface HeldFor {
  readonly ms: number;
  /** It may be longer. */
  readonly isAtLeast: boolean;
}

/**
 * Postgres does not note when it grants a lock. Its holder knows when it is of this library and was asked. Else there is a bound: a
 * backend that is idle has been granted nothing since its last statement. The lock connections of this library never idle for longer
 * than a heartbeat.
 */
export function heldFor(lock: InspectedLock, now: Date): HeldFor | undefined {
  const { heldMs, isGranted } = lock;
  if (!isGranted) return undefined;
  if (heldMs !== undefined) return { ms: heldMs, isAtLeast: false };
  const idleMs = lock.instance === undefined ? idleMsOf(lock, now.getTime()) : undefined;
  return idleMs === undefined ? undefined : { ms: idleMs, isAtLeast: true };
}

/** For how long the lock's backend has been idle at that moment of the server's clock, in milliseconds, as far as it is and may be seen. */
export function idleMsOf({ backend }: InspectedLock, nowMs: number): number | undefined {
  const { state = '', stateChangedAt } = backend ?? {};
  if (stateChangedAt === undefined || !state.startsWith('idle')) return undefined;
  return Math.max(0, nowMs - stateChangedAt.getTime());
}
