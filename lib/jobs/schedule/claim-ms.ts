/** Clocks are taken to be less than half of this apart, in milliseconds. */
const MIN_MS = 15_000;
const MAX_MS = 600_000;

/** A job keeps at most this many claims at a time. */
const MAX_CLAIMS = 64;

/**
 * For how long the claim of a tick is kept by default, in milliseconds: the period of the schedule, within
 * limits. A job of each second keeps 15 claims.
 */
export function claimMsOf(periodMs: number): number {
  return Math.min(periodMs * MAX_CLAIMS, Math.max(MIN_MS, Math.min(periodMs, MAX_MS)));
}
