import type { Contender } from './contender.js';
import type { LockCounter } from './lock-counter.js';

export interface DistinctKeysLoad {
  atOnce: number;
  durationMs: number;
  /** After so many names they come again; by default none does. */
  names?: number;
}

/** Locks per second, when the server itself saw a lock that was held and none that was left. */
export async function measureDistinctKeys(
  contender: Contender,
  locks: LockCounter,
  load: DistinctKeysLoad,
): Promise<number> {
  await contender.withLock('proof', () => locks.expect(1, 'while one was held'));
  const locksPerSecond = await lockDistinctKeys(contender, load);
  await locks.expect(0, 'after all were released');
  return locksPerSecond;
}

const body = () => Promise.resolve();
let lastKey = 0;

/** Keeps `atOnce` callers busy, each with one lock after the other, no name twice at a time. */
export async function lockDistinctKeys(
  contender: Contender,
  { atOnce, durationMs, names = Infinity }: DistinctKeysLoad,
): Promise<number> {
  const start = performance.now();
  let done = 0;
  const caller = async () => {
    while (performance.now() - start < durationMs) {
      await contender.withLock(`order:${++lastKey % names}`, body);
      done++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  return done / ((performance.now() - start) / 1000);
}
