/** Between looks that are farther apart, a lock may well have been released and taken again. */
const MAX_GAP_MS = 5_000;

/** Remembers since when the same thing has been there at each look. */
export class Sightings {
  private firstSeen = new Map<string, number>();
  private lastLookMs = -Infinity;

  /** Notes what is there now, and forgets what is not. */
  note(ids: Iterable<string>, nowMs: number): void {
    const isContinued = nowMs - this.lastLookMs <= MAX_GAP_MS;
    const before = isContinued ? this.firstSeen : new Map<string, number>();
    this.firstSeen = new Map();
    for (const id of ids) this.firstSeen.set(id, before.get(id) ?? nowMs);
    this.lastLookMs = nowMs;
  }

  /** For how long it has been there, as of the latest look; 0 for what was not there before. */
  ageMs(id: string): number {
    const firstMs = this.firstSeen.get(id);
    return firstMs === undefined ? 0 : this.lastLookMs - firstMs;
  }
}
