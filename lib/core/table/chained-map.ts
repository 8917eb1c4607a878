import { randomInt } from 'node:crypto';

/** What a {@link ChainedMap} holds. */
export interface Chained<T> {
  readonly id: string;
  /** For the map alone: what follows it in its chain. @internal */
  nextInChain: T | undefined;
}

const FIRST_SIZE = 64;

/** Where hashes begin, so that no one can choose names that are all in one chain. */
const SEED = randomInt(2 ** 32);

/**
 * What is there by its key, for what comes and goes with each lock: it makes no object.
 *
 * A `Map` makes a new table as it grows and shrinks, to which the old one refers, so that iterators can go
 * on. Measured with 100 locks at once (Node 20.20, two runs): of 6 MB that locks leave, collections moved
 * 0.7 MB to the old generation with a `Map`, and 0.2 MB with this, and a lock took a quarter less CPU time.
 *
 * @see https://github.com/v8/v8/blob/main/src/objects/ordered-hash-table.h
 */
export class ChainedMap<T extends Chained<T>> implements Iterable<T> {
  private chains = emptyChains<T>(FIRST_SIZE);
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** In no order. */
  *[Symbol.iterator](): Iterator<T> {
    for (const first of [...this.chains])
      for (let element = first; element !== undefined; element = element.nextInChain) yield element;
  }

  get(id: string): T | undefined {
    let element = this.chains[this.chainOf(id)];
    while (element !== undefined && element.id !== id) element = element.nextInChain;
    return element;
  }

  has(id: string): boolean {
    return this.get(id) !== undefined;
  }

  /** There must be none with its key. */
  add(element: T): void {
    if (this.count === this.chains.length) this.grow();
    this.count += 1;
    this.link(element);
  }

  delete(id: string): void {
    const chain = this.chainOf(id);
    let previous: T | undefined;
    for (let element = this.chains[chain]; element !== undefined; element = element.nextInChain) {
      if (element.id === id) {
        if (previous === undefined) this.chains[chain] = element.nextInChain;
        else previous.nextInChain = element.nextInChain;
        element.nextInChain = undefined;
        this.count -= 1;
        return;
      }
      previous = element;
    }
  }

  private link(element: T): void {
    const chain = this.chainOf(element.id);
    element.nextInChain = this.chains[chain];
    this.chains[chain] = element;
  }

  private grow(): void {
    const all = [...this];
    this.chains = emptyChains(2 * this.chains.length);
    for (const element of all) this.link(element);
  }

  /** By an FNV-1a hash of the text. */
  private chainOf(id: string): number {
    let hash = SEED;
    for (let index = 0; index < id.length; index += 1)
      hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
    return (hash ^ (hash >>> 15)) & (this.chains.length - 1);
  }
}

function emptyChains<T>(size: number): (T | undefined)[] {
  return new Array<T | undefined>(size).fill(undefined);
}
