import { forgetAbort, onceAborted } from './abort-listeners.js';
import type { AcquireOptions } from './acquire-options.js';
import type { LockKey } from '../key/lock-key.js';
import type { BlockedCall } from './blocked-call.js';
import type { CallPlace } from './call-place.js';
import type { LockHold } from './lock-hold.js';
import type { LockMode } from '../options/lock-mode.js';
import { QueuePlace } from './queue-place.js';

/** What a waiter needs of the entry whose key it waits for. */
interface WaitedForEntry {
  /** Takes the waiter out of the queue; resolves when no session waits or holds on its behalf. */
  leave(waiter: Waiter): Promise<void>;
}

/** A call in this process that waits for a key. */
export class Waiter extends QueuePlace<Waiter> implements BlockedCall {
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
  private resolve!: (hold: LockHold | undefined) => void;
  private reject!: (error: unknown) => void;

  constructor(
    key: LockKey,
    private readonly options: AcquireOptions,
    /** The locks that the call keeps while it waits. */
    readonly inside: readonly LockHold[],
    private readonly entry: WaitedForEntry,
  ) {
    super();
    this.outcome = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.keys = [key];
    const now = performance.now();
    this.deadline = now + options.waitMs;
    this.since = options.since ?? now;
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
    this.resolve(hold);
  }

  fail(error: unknown): void {
    this.stopListening();
    this.reject(error);
  }

  abort(error: Error): void {
    this.stopListening();
    void this.entry.leave(this).then(() => {
      this.reject(error);
    });
  }

  private readonly onTimeout = (): void => {
    this.stopListening();
    void this.entry.leave(this).then(() => {
      this.resolve(undefined);
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
