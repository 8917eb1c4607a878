const MIN_MS = 250;
const MAX_MS = 5_000;

/**
 * How often an instance looks whether an interval that counts from the end of a run is due, or whether it may
 * take over, in milliseconds.
 */
export function pollMsOf(delayMs: number): number {
  return Math.min(delayMs, Math.max(MIN_MS, Math.min(MAX_MS, Math.floor(delayMs / 4))));
}
