import type { Contender } from './contender.js';
import { type DistinctKeysLoad, lockDistinctKeys } from './distinct-keys.js';

/** CPU of a decorated method, as a multiple of that of the same lock taken by hand. */
export async function measureDecorator(
  { withLock, callLocked }: Contender,
  { atOnce, durationMs }: DistinctKeysLoad,
): Promise<number> {
  if (callLocked === undefined) throw new Error('it has no decorator');
  const cost = async (way: Contender['withLock']): Promise<number> => {
    const { cpuMicroseconds } = await lockDistinctKeys(
      { withLock: way },
      { atOnce, durationMs: durationMs / 4 },
    );
    return cpuMicroseconds;
  };
  // What changes with time, such as the heap, affects both ways alike.
  const [before, first] = [await cost(withLock), await cost(callLocked)];
  const [second, after] = [await cost(callLocked), await cost(withLock)];
  return (first + second) / (before + after);
}
