import type { BlockedCall } from './blocked-call.js';
import type { Waiter } from './waiter.js';

interface Place {
  readonly waiter: Waiter;
  previous: Place | undefined;
  next: Place | undefined;
}

/**
 * Waiters in the order in which they began to wait. A linked list, as any of them may leave: when one signal
 * ends ten thousand waits, an array would be moved ten thousand times.
 */
export class WaiterQueue implements Iterable<Waiter> {
  /** Made with the first waiter, as most keys never have one. */
  private places: Map<BlockedCall, Place> | undefined;
  private head: Place | undefined;
  private tail: Place | undefined;

  get length(): number {
    return this.places?.size ?? 0;
  }

  get first(): Waiter | undefined {
    return this.head?.waiter;
  }

  get last(): Waiter | undefined {
    return this.tail?.waiter;
  }

  /** The waiter that is served before the given one. */
  before(waiter: BlockedCall): Waiter | undefined {
    return this.places?.get(waiter)?.previous?.waiter;
  }

  *[Symbol.iterator](): Iterator<Waiter> {
    for (let place = this.head; place !== undefined; place = place.next) yield place.waiter;
  }

  /** Puts it behind all that have waited for at least as long. */
  add(waiter: Waiter): void {
    let previous = this.tail;
    while (previous !== undefined && previous.waiter.since > waiter.since) previous = previous.previous;
    const next = previous === undefined ? this.head : previous.next;
    const place: Place = { waiter, previous, next };
    this.places ??= new Map();
    this.places.set(waiter, place);
    this.link(previous, place);
    this.link(place, next);
  }

  /** Takes it out; returns whether it was in the queue. */
  remove(waiter: Waiter): boolean {
    const place = this.places?.get(waiter);
    if (place === undefined) return false;
    this.places?.delete(waiter);
    this.link(place.previous, place.next);
    return true;
  }

  shift(): Waiter | undefined {
    const { first } = this;
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Takes all out. */
  removeAll(): Waiter[] {
    const all = [...this];
    for (const waiter of all) this.remove(waiter);
    return all;
  }

  private link(previous: Place | undefined, next: Place | undefined): void {
    if (previous === undefined) this.head = next;
    else previous.next = next;
    if (next === undefined) this.tail = previous;
    else next.previous = previous;
  }
}
