import type { Contender } from './contender.js';
import { type DistinctKeysLoad, lockDistinctKeys } from './distinct-keys.js';
import type { LockCounter } from './lock-counter.js';
import { quantile } from './quantile.js';
import { measureInRounds } from './rounds.js';

/** Both ways take turns in slices so short, in milliseconds, that other load affects them alike. */
const SLICE_MS = 50;

/** CPU of a decorated method, as a multiple of that of the same lock taken by hand. */
export async function measureDecorator(
  { withLock, callLocked }: Contender,
  locks: LockCounter,
  { atOnce, durationMs }: DistinctKeysLoad,
): Promise<number> {
  if (callLocked === undefined) throw new Error('it has no decorator');
  await callLocked('proof', () => locks.expect(1, 'while a decorated method ran'));
  const costs = await measureInRounds([withLock, callLocked], durationMs / SLICE_MS / 2, async (way) => {
    const cost = await lockDistinctKeys({ withLock: way }, { atOnce, durationMs: SLICE_MS });
    return cost.cpuMicroseconds;
  });
  const [byHand = Number.NaN, decorated = Number.NaN] = [...costs.values()].map((each) => quantile(each));
  await locks.expect(0, 'after all were released');
  return decorated / byHand;
}
