import type { LockMode } from '../options/lock-mode.js';

/** How a lock is asked for. */
export interface AcquireOptions {
  readonly mode: LockMode;
  /** How long to wait, in milliseconds; `Infinity` waits without end. */
  readonly waitMs: number;
  /** Ends the wait; its reason is what is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** When the caller began to wait, by `performance.now()`, if before now: it decides about the place in the queue. */
  readonly since?: number | undefined;
  /** Called when it turns out that the call has to wait; perhaps more than once. */
  readonly onWaiting?: (() => void) | undefined;
}
