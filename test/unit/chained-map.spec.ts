import { describe, expect, it } from '@jest/globals';
import { ChainedMap } from '../../lib/core/index.js';

class Item {
  nextInChain: Item | undefined;

  constructor(readonly id: string) {}
}

const idsOf = (map: ChainedMap<Item>): string[] => [...map].map(({ id }) => id).sort();

describe('a chained map', () => {
  it('holds what a Map holds, through 20,000 random changes', () => {
    const map = new ChainedMap<Item>();
    const model = new Map<string, Item>();
    const differences: string[] = [];
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let change = 0; change < 20_000; change += 1) {
      // More at first, so that it grows, and fewer in the end.
      const id = String(random(change < 10_000 ? 1_000 : 50));
      if (map.get(id) !== model.get(id) || map.has(id) !== model.has(id)) differences.push(id);
      if (model.delete(id)) map.delete(id);
      else {
        const item = new Item(id);
        map.add(item);
        model.set(id, item);
      }
      if (map.size !== model.size) differences.push(id);
    }
    expect(differences).toEqual([]);
    expect(idsOf(map)).toEqual([...model.keys()].sort());
  });

  it('leaves no link in what was taken out, which would keep others from being collected', () => {
    const map = new ChainedMap<Item>();
    const items = Array.from({ length: 500 }, (_, n) => new Item(String(n)));
    for (const item of items) map.add(item);
    expect(items.some(({ nextInChain }) => nextInChain !== undefined)).toBe(true);
    for (const { id } of items) map.delete(id);
    expect(items.every(({ nextInChain }) => nextInChain === undefined)).toBe(true);
    expect(map.size).toBe(0);
    map.delete('0');
    expect(map.size).toBe(0);
  });

  it('may be changed while it is read', () => {
    const map = new ChainedMap<Item>();
    for (let n = 0; n < 100; n += 1) map.add(new Item(String(n)));
    for (const { id } of [...map]) map.delete(id);
    expect(idsOf(map)).toEqual([]);
  });
});
