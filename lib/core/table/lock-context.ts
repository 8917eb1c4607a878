import type { ReentryOptions } from '../options/reentry.options.js';
import type { CallPlace } from './call-place.js';
import type { LockHold } from './lock-hold.js';
import { sharedStorage } from './shared-storage.js';

/** What the context needs to know about a lock with a running body. */
export interface ContextLock {
  /** The table that it belongs to: two applications in one process may hold one key in two databases. */
  readonly owner: object;
  /** What it holds, lost or not. */
  readonly allHolds: readonly LockHold[];
  /** Whether it holds that lock, by any of its permits. */
  isOf(lockId: string): boolean;
  /**
   * Whether it was released. After that, a promise that was not awaited is no longer inside. A lost lock is
   * not released.
   */
  readonly isReleased: boolean;
}

/** What is known about a body that runs inside a lock. */
export interface BodyInfo extends ReentryOptions {
  /** Where the lock was requested. */
  readonly place?: CallPlace | undefined;
}

/** A body that runs inside a lock. */
export interface Frame {
  readonly lock: ContextLock;
  readonly info: BodyInfo | undefined;
  readonly outer: Frame | undefined;
}

const storage = sharedStorage<Frame | undefined>('context');

/** Runs the body, and all that it starts, inside the lock, which the body receives. */
export function runInside<L extends ContextLock, T>(lock: L, body: (lock: L) => T, info?: BodyInfo): T {
  return storage.run({ lock, outer: storage.getStore(), info }, body, lock);
}

/** Whether the calling code may run inside any lock. When it does not, there is nothing to look for. */
export function isInsideAny(): boolean {
  return storage.getStore() !== undefined;
}

/** Runs the body, and all that it starts, outside every lock: for work that goes on after its caller. */
export function runOutside<T>(body: () => T): T {
  return storage.run(undefined, body);
}

/**
 * The innermost body around the calling code that runs inside a lock of the owner that is not released and
 * that the predicate accepts.
 */
export function findInside(owner: object, isLookedFor: (lock: ContextLock) => boolean): Frame | undefined {
  for (let frame = storage.getStore(); frame !== undefined; frame = frame.outer) {
    const { lock } = frame;
    if (lock.owner === owner && !lock.isReleased && isLookedFor(lock)) return frame;
  }
  return undefined;
}

const NONE: readonly LockHold[] = [];

/** The locks of the owner that the calling code runs inside. */
export function holdsAround(owner: object): readonly LockHold[] {
  const innermost = storage.getStore();
  if (innermost === undefined) return NONE;
  const holds = new Set<LockHold>();
  for (let frame: Frame | undefined = innermost; frame !== undefined; frame = frame.outer) {
    const { lock } = frame;
    if (lock.owner !== owner || lock.isReleased) continue;
    for (const hold of lock.allHolds) if (!hold.isOver) holds.add(hold);
  }
  return [...holds];
}
