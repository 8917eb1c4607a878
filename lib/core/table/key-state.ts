import type { LockMode } from '../options/lock-mode.js';
import type { LockSession } from '../session/lock-session.js';
import type { TryRequest } from './key-requests.js';
import type { HoldSet } from './hold-set.js';
import type { LockHold } from './lock-hold.js';
import type { QueuedAcquisition } from './queued-acquisition.js';

/** What this process does with a key at the moment. */
export type KeyState =
  /**
   * Nothing: no call here holds it, requests it or waits for it. The first and the last state of an entry.
   */
  | { readonly name: 'free' }
  /** One request to Postgres is on its way. */
  | { readonly name: 'trying'; readonly request: TryRequest }
  /** Other processes hold it, and this one competes for it on behalf of its waiters. */
  | { readonly name: 'queued'; readonly acquisition: QueuedAcquisition }
  | {
      readonly name: 'held';
      readonly mode: LockMode;
      readonly session: LockSession;
      /** One hold, or those of the readers of this process, which share one lock of Postgres. */
      readonly holds: HoldSet;
    }
  /** It is on its way back to Postgres. */
  | { readonly name: 'releasing'; readonly hold: LockHold; readonly done: Promise<void> };

/** One for all entries, as every lock ends with it. */
export const FREE: KeyState = { name: 'free' };

export type KeyStateName = KeyState['name'];

/**
 * Which state may follow which. `held` follows itself when the lock is handed to the next waiter of this
 * process; `queued` does when the acquisition was stopped, as the next waiter wants the other mode, or its
 * session has ended.
 */
export const NEXT_STATES: Readonly<Record<KeyStateName, readonly KeyStateName[]>> = {
  free: ['trying', 'queued'],
  trying: ['held', 'queued', 'free'],
  queued: ['held', 'queued', 'free'],
  held: ['held', 'releasing', 'queued', 'free'],
  releasing: ['queued', 'free'],
};
