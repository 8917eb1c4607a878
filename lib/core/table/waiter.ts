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
  /** Resolves to the hold, or to `undefined` when the time is over; rejects with the reason of the signal. */
  readonly outcome: Promise<LockHold | undefined>;
  /** When the time is over, by `performance.now()`. */
  readonly deadline: number;
  /** When it began to wait, by `performance.now()`. */
  readonly since: number;
  /** Called once, when it waits no more. */
  onOver: (() => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private onAbort: (() => void) | undefined;
  private resolve!: (hold: LockHold | undefined) => void;
  private reject!: (error: unknown) => void;

  constructor(
    private readonly key: LockKey,
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
    const now = performance.now();
    this.deadline = now + options.waitMs;
    this.since = options.since ?? now;
    if (Number.isFinite(options.waitMs)) this.stopIn(options.waitMs);
    if (options.signal !== undefined) this.stopWhenAborted(options.signal);
  }

  get keys(): readonly LockKey[] {
    return [this.key];
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

  // Each in a method of its own, as functions that a wait does not need are garbage of every hand-over.

  private stopIn(waitMs: number): void {
    this.timer = setTimeout(() => {
      this.stopListening();
      void this.entry.leave(this).then(() => {
        this.resolve(undefined);
      });
    }, waitMs);
  }

  private stopWhenAborted(signal: AbortSignal): void {
    this.onAbort = () => {
      this.abort(signal.reason as Error);
    };
    onceAborted(signal, this.onAbort);
  }

  private stopListening(): void {
    this.onOver?.();
    this.onOver = undefined;
    clearTimeout(this.timer);
    const { onAbort } = this;
    if (onAbort !== undefined) forgetAbort(this.options.signal as AbortSignal, onAbort);
  }
}
