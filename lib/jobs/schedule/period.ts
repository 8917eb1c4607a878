/**
 * The start of the period of an instant, in milliseconds since 1970, from where the periods are counted. It
 * is the same in each instance of a fleet, whenever that has started. Intervals have no nominal time of their
 * own.
 */
export function periodStart(atMs: number, periodMs: number): number {
  return Math.floor(atMs / periodMs) * periodMs;
}
