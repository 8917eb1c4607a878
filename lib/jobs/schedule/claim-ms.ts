/** Clocks that are further apart than half of this are not sane, in milliseconds. */
const MIN_MS = 15_000;
const MAX_MS = 600_000;

/** No job keeps more claims than this at a time. */
const MAX_CLAIMS = 64;

/**
 * For how long a tick's claim is kept where nothing is said: as long as the schedule's period, within limits. A job of each second
 * keeps 15 claims.
 */
export function claimMsOf(periodMs: number): number {
  return Math.min(periodMs * MAX_CLAIMS, Math.max(MIN_MS, Math.min(periodMs, MAX_MS)));
}
