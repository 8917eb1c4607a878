import type { LockHold } from './lock-hold.js';

/**
 * The holds that share one lock of Postgres. Nearly always it is one, which takes no `Set`: that is a quarter
 * of the memory of a lock that is held.
 */
export class HoldSet implements Iterable<LockHold> {
  private only: LockHold | undefined;
  private several: Set<LockHold> | undefined;

  get size(): number {
    return this.several?.size ?? (this.only === undefined ? 0 : 1);
  }

  *[Symbol.iterator](): Iterator<LockHold> {
    if (this.several !== undefined) yield* this.several;
    else if (this.only !== undefined) yield this.only;
  }

  add(hold: LockHold): void {
    if (this.several !== undefined) this.several.add(hold);
    else if (this.only === undefined) this.only = hold;
    else if (this.only !== hold) this.several = new Set([this.only, hold]);
  }

  /** Takes it out; returns whether it was there. */
  delete(hold: LockHold): boolean {
    if (this.several !== undefined) return this.several.delete(hold);
    if (this.only !== hold) return false;
    this.only = undefined;
    return true;
  }
}
