import type { LockLostError } from '../errors/lock-lost.error.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';

/** What events need from a hold, which is one grant of a key to this process. */
export interface FollowedHold {
  /** Different from the `id` of every other hold of this process. */
  readonly id: number;
  readonly key: LockKey;
  readonly mode: LockMode;
  /** Why the lock is no longer held, when it was lost rather than released. */
  readonly lost: LockLostError | undefined;
  /** Calls the listener once, when the hold is released or lost. */
  onceOver(listener: (lost?: LockLostError) => void): void;
}
