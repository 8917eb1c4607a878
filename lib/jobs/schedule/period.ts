/**
 * The start of the period that an instant is in, in milliseconds since 1970, where the periods are counted from there: the same in
 * each instance of a fleet, whenever it has started. Intervals have no nominal time of their own.
 */
export function periodStart(atMs: number, periodMs: number): number {
  return Math.floor(atMs / periodMs) * periodMs;
}
