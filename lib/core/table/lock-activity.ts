import type { LockHold } from './lock-hold.js';
import type { LockKey } from '../key/lock-key.js';
import type { Waiter } from './waiter.js';

/** What a process has to do with a key at the moment, for display. */
export interface LockActivity {
  readonly key: LockKey;
  /** One, or those of its readers. */
  readonly holds: readonly Pick<LockHold, 'id' | 'acquiredAtMs'>[];
  /** The calls that wait for it here, who comes first first. */
  readonly waiters: readonly Pick<Waiter, 'since'>[];
}
