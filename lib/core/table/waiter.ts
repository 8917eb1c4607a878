import { forgetAbort, onceAborted } from './abort-listeners.js';
import type { AcquireOptions } from './acquire-options.js';
import type { LockKey } from '../key/lock-key.js';
import type { BlockedCall } from './blocked-call.js';
import type { CallPlace } from './call-place.js';
import type { LockHold } from './lock-hold.js';
import type { LockMode } from '../options/lock-mode.js';

/** A call in this process that waits for a key. */
export class Waiter implements BlockedCall {
  readonly keys: readonly LockKey[];
  /** Resolves to the hold, or to `undefined` when the time is over; rejects with the reason of the signal. */
  readonly outcome: Promise<LockHold | undefined>;
  /** When the time is over, by `performance.now()`. */
  readonly deadline: number;
  /** When it began to wait, by `performance.now()`. */
  readonly since: number;
  /** Called once, when it waits no more. */
  onOver: (() => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private settle!: { resolve(hold: LockHold | undefined): void; reject(error: unknown): void };

  /**
   * @param leave - takes the waiter out of its queue; resolves when no session waits or holds on its behalf.
   */
  constructor(
    key: LockKey,
    private readonly options: AcquireOptions,
    /** The locks that the call keeps while it waits. */
    readonly inside: readonly LockHold[],
    private readonly leave: (waiter: Waiter) => Promise<void>,
  ) {
    this.outcome = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.keys = [key];
    this.deadline = performance.now() + options.waitMs;
    this.since = options.since ?? performance.now();
    if (Number.isFinite(options.waitMs)) this.timer = setTimeout(this.onTimeout, options.waitMs);
    if (options.signal !== undefined) onceAborted(options.signal, this.onAbort);
  }

  get mode(): LockMode {
    return this.options.mode;
  }

  get place(): CallPlace | undefined {
    return this.options.place;
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

  abort(error: Error): void {
    this.stopListening();
    void this.leave(this).then(() => {
      this.settle.reject(error);
    });
  }

  private readonly onTimeout = (): void => {
    this.stopListening();
    void this.leave(this).then(() => {
      this.settle.resolve(undefined);
    });
  };

  private readonly onAbort = (): void => {
    this.abort(this.options.signal?.reason as Error);
  };

  private stopListening(): void {
    this.onOver?.();
    this.onOver = undefined;
    clearTimeout(this.timer);
    const { signal } = this.options;
    if (signal !== undefined) forgetAbort(signal, this.onAbort);
  }
}
