import type { AcquireOptions } from './acquire-options.js';
import type { LockHold } from './lock-hold.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { LockTable } from './lock-table.js';

/**
 * Takes all of the keys or none of them; resolves to `undefined` when one stays busy. When all are free it
 * costs one round trip.
 *
 * It waits key by key, in an order that is the same in all processes, so that two callers that want the same
 * keys cannot wait for each other.
 */
export async function acquireAll(
  table: LockTable,
  keys: readonly LockKey[],
  options: AcquireOptions,
): Promise<LockHold[] | undefined> {
  const ordered = [...keys].sort(inGlobalOrder);
  const since = performance.now();
  const holds = await tryAll(table, ordered, options.mode);
  if (holds.length === ordered.length) return holds;
  if (options.waitMs > 0) return waitForRest(table, ordered, holds, { ...options, since });
  await releaseAll(table, holds);
  return undefined;
}

/** Takes the keys that are free. */
async function tryAll(table: LockTable, keys: readonly LockKey[], mode: LockMode): Promise<LockHold[]> {
  // Requests of the same moment travel in one statement.
  const outcomes = await Promise.allSettled(keys.map((key) => table.tryAcquire(key, mode)));
  const holds = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? (outcome.value ?? []) : []));
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    await releaseAll(table, holds);
    throw outcome.reason;
  }
  return holds;
}

/** Gives back what comes after the first missing key in the order, and waits for the rest, key by key. */
async function waitForRest(
  table: LockTable,
  keys: readonly LockKey[],
  taken: readonly LockHold[],
  options: AcquireOptions,
): Promise<LockHold[] | undefined> {
  const deadline = performance.now() + options.waitMs;
  const takenIds = new Set(taken.map(({ key }) => key.id));
  const firstMissing = keys.findIndex(({ id }) => !takenIds.has(id));
  // Both are in the same order, so what was taken before that key comes first.
  const holds = taken.slice(0, firstMissing);
  const givingBack = releaseAll(table, taken.slice(firstMissing));
  let isComplete = false;
  try {
    for (const key of keys.slice(firstMissing)) {
      const hold = await table.acquire(key, {
        ...options,
        inside: [...table.holdsAround(), ...holds],
        waitMs: Math.max(0, deadline - performance.now()),
      });
      if (hold === undefined) return undefined;
      holds.push(hold);
    }
    isComplete = true;
    return holds;
  } finally {
    await givingBack;
    if (!isComplete) await releaseAll(table, holds);
  }
}

async function releaseAll(table: LockTable, holds: readonly LockHold[]): Promise<void> {
  await Promise.all(holds.map(async (hold) => table.release(hold)));
}

function inGlobalOrder(a: LockKey, b: LockKey): number {
  if (a.objsubid !== b.objsubid) return a.objsubid - b.objsubid;
  return a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : 0;
}
