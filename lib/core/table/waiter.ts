import { forgetAbort, onceAborted } from './abort-listeners.js';
import type { AcquireOptions } from './acquire-options.js';
import type { LockHold } from './lock-hold.js';
import type { LockMode } from '../options/lock-mode.js';

/** A call in this process that waits for a key. */
export class Waiter {
  /** Resolves to the hold, or to `undefined` when the time is over; rejects with the reason of the signal. */
  readonly outcome: Promise<LockHold | undefined>;
  /** When the time is over, by `performance.now()`. */
  readonly deadline: number;
  /** When it began to wait, by `performance.now()`. */
  readonly since: number;
  private timer: NodeJS.Timeout | undefined;
  private settle!: { resolve(hold: LockHold | undefined): void; reject(error: unknown): void };

  /**
   * @param leave - takes the waiter out of its queue; resolves when no session waits or holds on its behalf.
   */
  constructor(
    private readonly options: AcquireOptions,
    private readonly leave: (waiter: Waiter) => Promise<void>,
  ) {
    this.outcome = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.deadline = performance.now() + options.waitMs;
    this.since = options.since ?? performance.now();
    if (Number.isFinite(options.waitMs)) this.timer = setTimeout(this.onTimeout, options.waitMs);
    if (options.signal !== undefined) onceAborted(options.signal, this.onAbort);
  }

  get mode(): LockMode {
    return this.options.mode;
  }

  /** Call it when the key is not free, so that the call must wait. */
  notifyWaiting(): void {
    this.options.onWaiting?.();
  }

  grant(hold: LockHold): void {
    this.stopListening();
    this.settle.resolve(hold);
  }

  fail(error: unknown): void {
    this.stopListening();
    this.settle.reject(error);
  }

  private readonly onTimeout = (): void => {
    this.stopListening();
    void this.leave(this).then(() => {
      this.settle.resolve(undefined);
    });
  };

  private readonly onAbort = (): void => {
    this.stopListening();
    void this.leave(this).then(() => {
      this.settle.reject(this.options.signal?.reason);
    });
  };

  private stopListening(): void {
    clearTimeout(this.timer);
    const { signal } = this.options;
    if (signal !== undefined) forgetAbort(signal, this.onAbort);
  }
}
