import type { EntityManager } from 'typeorm';
import type { LockNames, LockOptions } from '../../../lib/index.js';
import type { startInstance } from './fleet-app.js';

/** How a lock is taken, to go through all of it with the same callers. */
export type Way = 'exclusive' | 'shared' | 'permits' | 'several' | 'transaction';

/** What the callers of a way want, by their numbers. They are in each other's way, in all processes. */
const WISHES: Readonly<Record<Way, readonly [LockNames, LockOptions][]>> = {
  exclusive: [['hot', {}]],
  shared: [
    ['hot', {}],
    ['hot', { mode: 'shared' }],
    ['hot', { mode: 'shared' }],
  ],
  permits: [['hot', { permits: 2 }]],
  several: [
    [['hot', 'hotter'], {}],
    [['hotter', 'hot'], {}],
  ],
  transaction: [['hot', {}]],
};

export function wishOf(way: Way, caller: number): readonly [LockNames, LockOptions] {
  const wishes = WISHES[way];
  return wishes[caller % wishes.length] as [LockNames, LockOptions];
}

/** Waits for the lock, and runs the body with what queries go through. */
export function hold<T>(
  { locks, dataSource }: Awaited<ReturnType<typeof startInstance>>,
  way: Way,
  caller: number,
  body: (querying: Pick<EntityManager, 'query'>) => Promise<T>,
  { waitMs = Infinity, signal }: Pick<LockOptions, 'waitMs' | 'signal'> = {},
): Promise<T> {
  if (way === 'transaction') return locks.withTransactionLock('hot', body, { waitMs });
  const [name, options] = wishOf(way, caller);
  return locks.withLock(name, () => body(dataSource), { ...options, waitMs, ...(signal && { signal }) });
}
