import type { Contender } from './contender.js';
import type { LockCounter } from './lock-counter.js';

export interface DistinctKeysLoad {
  atOnce: number;
  durationMs: number;
  /** After so many names they come again; by default none does. */
  names?: number;
}

export interface LockCost {
  locksPerSecond: number;
  /** Of this process, by all its threads, for a lock and its unlock. */
  cpuMicroseconds: number;
}

/** What locks cost, when the server itself saw a lock that was held and none that was left. */
export async function measureDistinctKeys(
  contender: Contender,
  locks: LockCounter,
  load: DistinctKeysLoad,
): Promise<LockCost> {
  await contender.withLock('proof', () => locks.expect(1, 'while one was held'));
  const cost = await lockDistinctKeys(contender, load);
  await locks.expect(0, 'after all were released');
  return cost;
}

const body = () => Promise.resolve();
let lastKey = 0;

/** Keeps `atOnce` callers busy, each with one lock after the other, no name twice at a time. */
export async function lockDistinctKeys(
  { withLock }: Pick<Contender, 'withLock'>,
  { atOnce, durationMs, names = Infinity }: DistinctKeysLoad,
): Promise<LockCost> {
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  let done = 0;
  const caller = async () => {
    while (performance.now() - start < durationMs) {
      await withLock(`order:${++lastKey % names}`, body);
      done++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { locksPerSecond: done / seconds, cpuMicroseconds: (user + system) / done };
}
