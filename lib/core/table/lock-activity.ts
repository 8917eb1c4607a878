import type { LockHold } from './lock-hold.js';
import type { LockKey } from '../key/lock-key.js';
import type { Waiter } from './waiter.js';

/** What a process does with a key at the moment, for display. */
export interface LockActivity {
  readonly key: LockKey;
  /** One hold, or those of its readers. */
  readonly holds: readonly Pick<LockHold, 'id' | 'acquiredAtMs'>[];
  /** The calls that wait for it here, in the order of the queue. */
  readonly waiters: readonly Pick<Waiter, 'since'>[];
}
