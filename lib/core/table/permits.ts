import type { AcquireOptions } from './acquire-options.js';
import type { LockHold } from './lock-hold.js';
import type { LockKey } from '../key/lock-key.js';
import type { PermitKeys } from '../key/permit-keys.js';
import type { LockTable } from './lock-table.js';
import { PermitWait } from './permit-wait.js';

/** How long to wait for one permit before the others are tried again, in milliseconds. */
const PATIENCE_MS = 50;

/**
 * Takes one of the permits, or resolves to `undefined` when they stay taken.
 *
 * A permit is a lock, so the permits of a dead process become free by themselves. A session cannot be in the
 * queues of several locks at once. So a waiter first takes the turn, for which Postgres has a queue, and then
 * waits for one permit after the other.
 */
export async function acquirePermit(
  table: LockTable,
  { permits, turn }: PermitKeys,
  options: AcquireOptions,
): Promise<LockHold | undefined> {
  const since = performance.now();
  const deadline = since + options.waitMs;
  const remainingMs = (): number => Math.max(0, deadline - performance.now());
  // A call that may wait does not overtake the waiters here.
  const mayTry = options.waitMs <= 0 || !table.isWantedHere(turn);
  const free = mayTry ? await tryPermits(table, permits) : undefined;
  if (free !== undefined || options.waitMs <= 0) return free;
  const myTurn = await table.acquire(turn, { ...options, waitMs: remainingMs(), since });
  if (myTurn === undefined) return undefined;
  const inside = [...table.holdsAround(), myTurn];
  const wait = new PermitWait(permits, { ...options, since, inside });
  try {
    let hold = await tryPermits(table, permits);
    if (hold === undefined) table.blockedCalls.begin(wait);
    while (hold === undefined && remainingMs() > 0) {
      hold =
        (await waitForAny(table, permits, { ...options, signal: wait.signal }, remainingMs())) ??
        (await tryPermits(table, permits));
    }
    return hold;
  } finally {
    table.blockedCalls.end(wait);
    await table.release(myTurn);
  }
}

/**
 * Tries one after the other, from a random one on. To try all at once would take several for a moment, and
 * refuse others.
 */
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
  // The whole wait is what a deadlock is looked for in, not this part of it.
  return key && table.acquire(key, { ...options, inside: [], waitMs: Math.min(PATIENCE_MS, remainingMs) });
}
