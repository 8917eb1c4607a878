import type { AcquireOptions, LeaseGuard, TakeLock } from '../core/index.js';
import { askInTurn } from './ask-in-turn.js';
import { type Turn, Turns } from './turns.js';

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
    return this.turns.isWaitedFor(name) ? undefined : this.takeNow(name, options, lock);
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
      if (isInLine && (await this.isLeased(name))) return undefined;
      return this.takeNow(name, { ...options, since, waitMs: deadline - performance.now() }, lock);
    });
  }

  private async takeNow<T>(
    name: string,
    options: AcquireOptions,
    { take, giveBack }: TakeLock<T>,
  ): Promise<T | undefined> {
    const taken = await take(options);
    if (taken === undefined) return undefined;
    let isLeased = true;
    try {
      isLeased = await this.isLeased(name);
    } finally {
      if (isLeased) await giveBack(taken);
    }
    return isLeased ? undefined : taken;
  }
}
