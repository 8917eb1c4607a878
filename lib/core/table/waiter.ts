import type { LockHold } from './lock-hold.js';
import type { LockMode } from '../options/lock-mode.js';

/** How a lock is waited for. */
export interface Wish {
  readonly mode: LockMode;
  /** For how long, in milliseconds; `Infinity` for ever. */
  readonly waitMs: number;
  /** Ends the wait; its reason is what is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** When who wants it came, by `performance.now()`, where that was before now: it decides about the place in the queue. */
  readonly since?: number | undefined;
  /** Called when it turns out that it has to be waited for; perhaps more than once. */
  readonly onWaiting?: (() => void) | undefined;
}

/** Somebody in this process who waits for a key. */
export class Waiter {
  /** The hold once it is granted; `undefined` when the time is over; rejects with the reason of the signal. */
  readonly outcome: Promise<LockHold | undefined>;
  /** When the time is over, by `performance.now()`. */
  readonly deadline: number;
  /** When he came, by `performance.now()`. */
  readonly since: number;
  private timer: NodeJS.Timeout | undefined;
  private settle!: { resolve(hold: LockHold | undefined): void; reject(error: unknown): void };

  /** @param leave - takes the waiter out of its queue; when it resolves, nothing is waited for or held on its behalf. */
  constructor(
    private readonly wish: Wish,
    private readonly leave: (waiter: Waiter) => Promise<void>,
  ) {
    this.outcome = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    this.deadline = performance.now() + wish.waitMs;
    this.since = wish.since ?? performance.now();
    if (Number.isFinite(wish.waitMs)) this.timer = setTimeout(this.onTimeout, wish.waitMs);
    wish.signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  get mode(): LockMode {
    return this.wish.mode;
  }

  /** Tells whoever wants to know that the key is not to be had at once. */
  tellWaiting(): void {
    this.wish.onWaiting?.();
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
      this.settle.reject(this.wish.signal?.reason);
    });
  };

  private stopListening(): void {
    clearTimeout(this.timer);
    this.wish.signal?.removeEventListener('abort', this.onAbort);
  }
}
