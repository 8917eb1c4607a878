import type { AcquireOptions, LeaseGuard, TakeLock } from '../core/index.js';
import { askInTurn } from './ask-in-turn.js';
import { Pause } from './pause.js';
import { type Turn, Turns } from './turns.js';

/** How long the statement of a wait may take after the time of the wait is over, in milliseconds. */
const LOOK_MS = 1_000;

/**
 * Takes locks while no lease of their name lasts. A lock is held while its lease is looked for, and a grant
 * of a lease that respects locks takes that same lock until it has committed: whichever comes second finds
 * the first.
 */
export class UnleasedLocks implements LeaseGuard {
  private readonly turns = new Turns();

  constructor(
    /** Rejects when it is not known. */
    private readonly isLeased: (name: string) => Promise<boolean>,
    /** Aborts when no more locks are taken. */
    private readonly closeSignal: AbortSignal,
  ) {}

  /** A lease has ended. */
  wake(name: string): void {
    this.turns.wake(name);
  }

  async takeUnleased<T>(name: string, options: AcquireOptions, lock: TakeLock<T>): Promise<T | undefined> {
    if (options.waitMs > 0) return this.waitFor(name, options, lock);
    if (this.turns.isWaitedFor(name)) return undefined;
    return this.takeNow(options, lock, () => this.isLeased(name));
  }

  /**
   * Calls that have found a lease wait in line for its end, and only the first of them asks the server. None
   * keeps the lock meanwhile: others may not care about leases.
   */
  private waitFor<T>(name: string, options: AcquireOptions, lock: TakeLock<T>): Promise<T | undefined> {
    const { waitMs, signal, since = performance.now(), onWaiting } = options;
    const { closeSignal } = this;
    let isInLine = false;
    const join = (): Turn => {
      isInLine = true;
      return this.turns.join(name);
    };
    return askInTurn({ name, waitMs, signal, closeSignal, onWaiting, join }, async (deadline) => {
      // A lock that is taken to look for the lease is busy for others meanwhile: not again and again.
      const look = (): Promise<boolean> => this.isLeasedBefore(name, deadline, signal);
      if (isInLine && (await look())) return undefined;
      return this.takeNow({ ...options, since, waitMs: deadline - performance.now() }, lock, look);
    });
  }

  /**
   * Resolves to `true`, as for a lease, when the wait ends before it is known: the statement may have to wait
   * for a connection of the application. It has some time, so that a short wait gets what is free.
   */
  private async isLeasedBefore(
    name: string,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const signals = signal === undefined ? [this.closeSignal] : [this.closeSignal, signal];
    const end = new Pause();
    const ended = end.pause(Math.max(LOOK_MS, deadline - performance.now()), signals).then(() => true);
    try {
      return await Promise.race([this.isLeased(name), ended]);
    } finally {
      end.wake();
    }
  }

  private async takeNow<T>(
    options: AcquireOptions,
    { take, giveBack }: TakeLock<T>,
    look: () => Promise<boolean>,
  ): Promise<T | undefined> {
    const taken = await take(options);
    if (taken === undefined) return undefined;
    let isLeased = true;
    try {
      isLeased = await look();
    } finally {
      if (isLeased) await giveBack(taken);
    }
    return isLeased ? undefined : taken;
  }
}
