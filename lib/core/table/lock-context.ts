import { sharedStorage } from './shared-storage.js';

/** What the context needs to know of a lock that a body runs under. */
export interface ContextLock {
  /** Whose it is: two applications in one process may hold one key in two databases. */
  readonly owner: object;
  /** Whether it holds that very key. */
  includes(keyId: string): boolean;
  /** Whether it holds the lock, by whichever permit. */
  isOf(lockId: string): boolean;
  /** From then on a promise left behind is not inside any more. One that was lost is not released. */
  readonly isReleased: boolean;
}

interface Frame {
  readonly lock: ContextLock;
  readonly outer: Frame | undefined;
}

const storage = sharedStorage<Frame | undefined>('context');

/** Runs the body, and all that it starts, inside the lock. */
export function runInside<T>(lock: ContextLock, body: () => T): T {
  return storage.run({ lock, outer: storage.getStore() }, body);
}

/** Runs the body, and all that it starts, outside of every lock: for what goes on after its caller. */
export function runOutside<T>(body: () => T): T {
  return storage.run(undefined, body);
}

/** The innermost lock of the owner that this code runs inside of, that is not released, and that is the one looked for. */
export function findInside(
  owner: object,
  isLookedFor: (lock: ContextLock) => boolean,
): ContextLock | undefined {
  for (let frame = storage.getStore(); frame !== undefined; frame = frame.outer) {
    const { lock } = frame;
    if (lock.owner === owner && !lock.isReleased && isLookedFor(lock)) return lock;
  }
  return undefined;
}
