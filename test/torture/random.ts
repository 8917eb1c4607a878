/**
 * A small generator of numbers that are the same for the same seed
 * (xorshift, Marsaglia 2003), to repeat a run.
 */
export class Random {
  private state: number;

  constructor(...seeds: number[]) {
    // FNV-1a: neighboring seeds must begin far from each other, and zero is the one state that never changes.
    this.state = seeds.reduce((hash, seed) => Math.imul(hash ^ seed, 16777619), 2166136261 | 0) || 1;
    for (let n = 0; n < 8; n += 1) this.next();
  }

  /** From 0 to below 1. */
  next(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) / 2 ** 32;
  }

  /** A whole number from `low` to below `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low));
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[Math.floor(this.next() * choices.length)] as T;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }
}
