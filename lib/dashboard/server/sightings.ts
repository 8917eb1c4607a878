/** Between inspections that are farther apart, a lock may well have been released and taken again. */
const MAX_GAP_MS = 5_000;

/** Remembers since when the same thing was present at each inspection. */
export class Sightings {
  private firstSeen = new Map<string, number>();
  private lastNotedMs = -Infinity;

  /** Notes what is present now, and forgets the rest. */
  note(ids: Iterable<string>, nowMs: number): void {
    const isContinued = nowMs - this.lastNotedMs <= MAX_GAP_MS;
    const before = isContinued ? this.firstSeen : new Map<string, number>();
    this.firstSeen = new Map();
    for (const id of ids) this.firstSeen.set(id, before.get(id) ?? nowMs);
    this.lastNotedMs = nowMs;
  }

  /** For how long it has been present, as of the latest inspection; 0 when it was not present before. */
  ageMs(id: string): number {
    const firstMs = this.firstSeen.get(id);
    return firstMs === undefined ? 0 : this.lastNotedMs - firstMs;
  }
}
