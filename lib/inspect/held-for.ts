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
  const { heldMs, backend, isGranted } = lock;
  if (!isGranted) return undefined;
  if (heldMs !== undefined) return { ms: heldMs, isAtLeast: false };
  const { state = '', stateChangedAt } = backend ?? {};
  if (stateChangedAt === undefined || !state.startsWith('idle') || lock.instance !== undefined)
    return undefined;
  return { ms: Math.max(0, now.getTime() - stateChangedAt.getTime()), isAtLeast: true };
}
