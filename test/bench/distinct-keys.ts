import type { Contender } from './contender.js';

export interface Load {
  atOnce: number;
  durationMs: number;
}

const body = () => Promise.resolve();
let lastKey = 0;

/** Keeps `atOnce` callers busy, each with one lock after the other, no name twice. Returns locks per second. */
export async function lockDistinctKeys(contender: Contender, { atOnce, durationMs }: Load): Promise<number> {
  const start = performance.now();
  let done = 0;
  const caller = async () => {
    while (performance.now() - start < durationMs) {
      await contender.withLock(`order:${++lastKey}`, body);
      done++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  return done / ((performance.now() - start) / 1000);
}
