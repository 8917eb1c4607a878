import type { AcquireOptions } from './acquire-options.js';
import type { LockHold } from './lock-hold.js';
import type { LockKey } from '../key/lock-key.js';
import type { PermitKeys } from '../key/permit-keys.js';
import type { LockTable } from './lock-table.js';

/** For how long one permit is waited for before the others are looked at again, in milliseconds. */
const PATIENCE_MS = 50;

/**
 * Takes one of the permits, or answers `undefined` when they stay taken.
 *
 * A permit is a lock, so those of a dead process come back by themselves. Nobody can stand in the queues of several locks at
 * once, so who waits first takes the turn, for which Postgres has a queue, and then waits for one permit after the other.
 */
export async function acquirePermit(
  table: LockTable,
  { permits, turn }: PermitKeys,
  options: AcquireOptions,
): Promise<LockHold | undefined> {
  const since = performance.now();
  const deadline = since + options.waitMs;
  const remainingMs = (): number => Math.max(0, deadline - performance.now());
  // Who waits here does not overtake those who wait here already.
  const mayTry = options.waitMs <= 0 || !table.isWantedHere(turn);
  const free = mayTry ? await tryPermits(table, permits) : undefined;
  if (free !== undefined || options.waitMs <= 0) return free;
  const myTurn = await table.acquire(turn, { ...options, waitMs: remainingMs(), since });
  if (myTurn === undefined) return undefined;
  try {
    while (remainingMs() > 0) {
      const hold =
        (await tryPermits(table, permits)) ?? (await waitForAny(table, permits, options, remainingMs()));
      if (hold !== undefined) return hold;
    }
    return undefined;
  } finally {
    await table.release(myTurn);
  }
}

/** One after the other, from a random one on: trying all at once would take more than one for a moment, and refuse others. */
async function tryPermits(table: LockTable, permits: readonly LockKey[]): Promise<LockHold | undefined> {
  const start = Math.floor(Math.random() * permits.length);
  for (const key of [...permits.slice(start), ...permits.slice(0, start)]) {
    const hold = await table.tryAcquire(key, 'exclusive');
    if (hold !== undefined) return hold;
  }
  return undefined;
}

async function waitForAny(
  table: LockTable,
  permits: readonly LockKey[],
  options: AcquireOptions,
  remainingMs: number,
): Promise<LockHold | undefined> {
  const key = permits[Math.floor(Math.random() * permits.length)];
  return key && table.acquire(key, { ...options, waitMs: Math.min(PATIENCE_MS, remainingMs) });
}
