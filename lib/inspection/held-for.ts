import type { InspectedLock } from './inspected-lock.js';

/** For how long a lock has been held, as far as is known. */
export interface HeldFor {
  readonly ms: number;
  /** Whether `ms` is only a lower bound. */
  readonly isAtLeast: boolean;
}

/**
 * For how long a lock has been held. Postgres does not record when it grants a lock. A holder of this library
 * knows it, and reports it when asked. For other holders there is a lower bound: a backend that is idle has
 * been granted nothing since its last statement. Lock connections of this library are never idle for longer
 * than a heartbeat, so the bound would say nothing about them.
 */
export function heldFor(lock: InspectedLock, now: Date): HeldFor | undefined {
  const { heldMs, isGranted } = lock;
  if (!isGranted) return undefined;
  if (heldMs !== undefined) return { ms: heldMs, isAtLeast: false };
  const idleMs = lock.instance === undefined ? idleMsOf(lock, now.getTime()) : undefined;
  return idleMs === undefined ? undefined : { ms: idleMs, isAtLeast: true };
}

/**
 * For how long the lock's backend has been idle at `nowMs` of the server's clock, in milliseconds;
 * `undefined` when it is not idle, or when this role may not see that.
 */
export function idleMsOf({ backend }: InspectedLock, nowMs: number): number | undefined {
  const { state = '', stateChangedAt } = backend ?? {};
  if (stateChangedAt === undefined || !state.startsWith('idle')) return undefined;
  return Math.max(0, nowMs - stateChangedAt.getTime());
}
