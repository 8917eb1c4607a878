import type { LockHold } from './lock-hold.js';
import type { LockKey } from './lock-key.js';
import type { LockMode } from './lock-mode.js';
import type { LockTable } from './lock-table.js';
import type { Wish } from './waiter.js';

/**
 * Takes all of the keys or none of them; answers `undefined` when one stays busy. When all are free it costs one round trip.
 *
 * Waiting goes key by key in an order that is the same everywhere, so that two who want the same keys cannot wait for each other.
 */
export async function acquireAll(
  table: LockTable,
  keys: readonly LockKey[],
  wish: Wish,
): Promise<LockHold[] | undefined> {
  const ordered = [...keys].sort(inGlobalOrder);
  return (
    (await tryAll(table, ordered, wish.mode)) ??
    (wish.waitMs > 0 ? waitForAll(table, ordered, wish) : undefined)
  );
}

async function tryAll(
  table: LockTable,
  keys: readonly LockKey[],
  mode: LockMode,
): Promise<LockHold[] | undefined> {
  // Asked for in the same moment, they travel in one statement.
  const answers = await Promise.allSettled(keys.map((key) => table.tryAcquire(key, mode)));
  const holds = answers.flatMap((answer) => (answer.status === 'fulfilled' ? (answer.value ?? []) : []));
  if (holds.length === keys.length) return holds;
  await releaseAll(table, holds);
  for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
  return undefined;
}

async function waitForAll(
  table: LockTable,
  keys: readonly LockKey[],
  { mode, waitMs, signal }: Wish,
): Promise<LockHold[] | undefined> {
  const deadline = performance.now() + waitMs;
  const holds: LockHold[] = [];
  let isComplete = false;
  try {
    for (const key of keys) {
      const hold = await table.acquire(key, {
        mode,
        waitMs: Math.max(0, deadline - performance.now()),
        signal,
      });
      if (hold === undefined) return undefined;
      holds.push(hold);
    }
    isComplete = true;
    return holds;
  } finally {
    if (!isComplete) await releaseAll(table, holds);
  }
}

async function releaseAll(table: LockTable, holds: readonly LockHold[]): Promise<void> {
  await Promise.all(holds.map((hold) => table.release(hold)));
}

function inGlobalOrder(a: LockKey, b: LockKey): number {
  if (a.objsubid !== b.objsubid) return a.objsubid - b.objsubid;
  return a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : 0;
}
