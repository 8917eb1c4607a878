import { LockLostError } from '../errors/lock-lost.error.js';
import type { FollowedHold } from '../events/followed-hold.js';
import { nextHoldId } from '../events/hold-id.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { LockSession } from '../session/lock-session.js';

/**
 * One grant of a key to this process. Several handles may share it: the last one to be released gives the
 * lock back.
 */
export class LockHold implements FollowedHold {
  /** Different from the `id` of every other hold of this process. */
  readonly id = nextHoldId();
  /** By the clock of this process, in milliseconds since the epoch. */
  readonly acquiredAtMs = Date.now();
  /** How many handles use the hold. */
  sharers = 0;
  private isReleased = false;
  private overListener: ((lost?: LockLostError) => void) | undefined;
  private abortController: AbortController | undefined;
  private lostError: LockLostError | undefined;

  constructor(
    readonly key: LockKey,
    readonly mode: LockMode,
    readonly session: LockSession,
  ) {}

  /** Why the lock is no longer held, when it was lost rather than released. */
  get lost(): LockLostError | undefined {
    return this.lostError;
  }

  /** Whether it was released or lost. */
  get isOver(): boolean {
    return this.isReleased || this.lostError !== undefined;
  }

  /**
   * Aborts when the lock is lost. Made on first use: most bodies take less time than it takes to make a
   * signal.
   */
  get signal(): AbortSignal {
    if (this.abortController === undefined) {
      this.abortController = new AbortController();
      if (this.lostError !== undefined) this.abortController.abort(this.lostError);
    }
    return this.abortController.signal;
  }

  /**
   * Calls the listener once, when the hold is released or lost; at once when it is lost already. At most one
   * listener.
   */
  onceOver(listener: (lost?: LockLostError) => void): void {
    this.overListener = listener;
    if (this.lostError !== undefined) this.notifyOver(this.lostError);
  }

  /** Call it when the hold was released. */
  released(): void {
    this.isReleased = true;
    this.notifyOver();
  }

  /** Marks the hold as lost, and notifies its holder. */
  lose(reason: string, cause?: unknown): void {
    if (this.lostError !== undefined) return;
    this.lostError = new LockLostError({
      lockName: this.key.name,
      key: this.key.id,
      reason,
      heldMs: Date.now() - this.acquiredAtMs,
      cause,
    });
    this.abortController?.abort(this.lostError);
    this.notifyOver(this.lostError);
  }

  private notifyOver(lost?: LockLostError): void {
    const { overListener } = this;
    this.overListener = undefined;
    overListener?.(lost);
  }
}
