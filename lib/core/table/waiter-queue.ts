import type { BlockedCall } from './blocked-call.js';
import { QueuePlace } from './queue-place.js';
import type { Waiter } from './waiter.js';

/**
 * Waiters in the order in which they began to wait. A linked list, as any of them may leave: when one signal
 * ends ten thousand waits, an array would be moved ten thousand times.
 */
export class WaiterQueue implements Iterable<Waiter> {
  private count = 0;
  private head: Waiter | undefined;
  private tail: Waiter | undefined;

  get length(): number {
    return this.count;
  }

  get first(): Waiter | undefined {
    return this.head;
  }

  get last(): Waiter | undefined {
    return this.tail;
  }

  /** The waiter that is served before the given call, which may wait elsewhere. */
  before(call: BlockedCall): Waiter | undefined {
    return call instanceof QueuePlace && call.queue === this
      ? (call.previous as Waiter | undefined)
      : undefined;
  }

  *[Symbol.iterator](): Iterator<Waiter> {
    for (let waiter = this.head; waiter !== undefined; waiter = waiter.next) yield waiter;
  }

  /** Puts it behind all that have waited for at least as long. */
  add(waiter: Waiter): void {
    let previous = this.tail;
    while (previous !== undefined && previous.since > waiter.since) ({ previous } = previous);
    const next = previous === undefined ? this.head : previous.next;
    waiter.queue = this;
    this.count += 1;
    this.link(previous, waiter);
    this.link(waiter, next);
  }

  /** Takes it out; returns whether it was in the queue. */
  remove(waiter: Waiter): boolean {
    if (waiter.queue !== this) return false;
    const { previous, next } = waiter;
    waiter.queue = waiter.previous = waiter.next = undefined;
    this.count -= 1;
    this.link(previous, next);
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

  private link(previous: Waiter | undefined, next: Waiter | undefined): void {
    if (previous === undefined) this.head = next;
    else previous.next = next;
    if (next === undefined) this.tail = previous;
    else next.previous = previous;
  }
}
