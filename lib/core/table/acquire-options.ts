import type { LockMode } from '../options/lock-mode.js';
import type { CallPlace } from './call-place.js';
import type { LockHold } from './lock-hold.js';

/** How a lock is requested. */
export interface AcquireOptions {
  readonly mode: LockMode;
  /** How long to wait, in milliseconds; `Infinity` waits without end. */
  readonly waitMs: number;
  /** Ends the wait; the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * When the caller began to wait, by `performance.now()`, if before now. It decides the place in the queue.
   */
  readonly since?: number | undefined;
  /**
   * The locks that the call keeps while it waits: by default those around the calling code. None for a wait
   * that is a part of another one.
   */
  readonly inside?: readonly LockHold[] | undefined;
  /** Where the lock was requested. */
  readonly place?: CallPlace | undefined;
  /** Called when the call must wait; perhaps more than once. */
  readonly onWaiting?: (() => void) | undefined;
}
