import { nextHoldId } from './hold-id.js';
import type { LockHold } from '../table/lock-hold.js';
import type { LockKey } from '../key/lock-key.js';
import type { Wish } from '../table/waiter.js';
import type { LockLostError } from '../errors/lock-lost.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import type { AdvisoryLockEvents } from './advisory-lock-events.js';
import type { AcquiredEvent, BusyEvent } from './lock-event.js';

type About = Pick<BusyEvent, 'lockName' | 'mode' | 'scope'>;

/** How a lock is wished for, as far as it is told. */
type ToldWish = Pick<Wish, 'mode' | 'waitMs' | 'signal'>;

/** Makes events of what comes of wishes for locks. To be asked only as long as somebody listens. */
export class LockTeller {
  private readonly acquiredEvents = new WeakMap<LockHold, AcquiredEvent>();

  constructor(private readonly events: AdvisoryLockEvents) {}

  /** Takes a lock of the session, or several, and tells what comes of it, until it is released or lost. */
  async session<T extends LockHold | readonly LockHold[]>(
    lockName: string,
    wish: Wish,
    take: (wish: Wish) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const startedAt = performance.now();
    const about = { lockName, mode: wish.mode, scope: 'session' } as const;
    const taken = await this.wish(about, wish, (onWaiting) => take({ ...wish, onWaiting }));
    const holds: readonly LockHold[] = taken === undefined ? [] : 'key' in taken ? [taken] : taken;
    for (const hold of holds) this.follow(hold, performance.now() - startedAt);
    return taken;
  }

  /** Takes a lock of a transaction. Who hears that it was acquired has to say when it is {@link released}. */
  async transaction(
    { name: lockName, id: key }: LockKey,
    wish: ToldWish,
    take: (onWaiting: () => void) => Promise<boolean>,
    onAcquired?: (acquired: AcquiredEvent) => void,
  ): Promise<boolean> {
    const startedAt = performance.now();
    const about = { lockName, mode: wish.mode, scope: 'transaction' } as const;
    const isTaken = await this.wish(about, wish, async (onWaiting) => (await take(onWaiting)) || undefined);
    if (isTaken === undefined) return false;
    const acquired = this.acquired({ ...about, key, holdId: nextHoldId() }, performance.now() - startedAt);
    onAcquired?.(acquired);
    return true;
  }

  /** What was told when the lock was taken, if it was. */
  acquiredEventOf(hold: LockHold | undefined): AcquiredEvent | undefined {
    return hold && this.acquiredEvents.get(hold);
  }

  released(acquired: AcquiredEvent): void {
    const at = new Date();
    const heldMs = at.getTime() - acquired.at.getTime();
    this.events.emit({ ...aboutHold(acquired), type: 'released', at, heldMs });
  }

  private lost(acquired: AcquiredEvent, error: LockLostError): void {
    this.events.emit({ ...aboutHold(acquired), type: 'lost', at: new Date(), heldMs: error.heldMs, error });
  }

  private follow(hold: LockHold, waitedMs: number): void {
    const { key, mode } = hold;
    const about = { lockName: key.name, mode, scope: 'session', key: key.id, holdId: hold.id } as const;
    const acquired = this.acquired(about, waitedMs);
    this.acquiredEvents.set(hold, acquired);
    hold.onOver = (error) => {
      if (error === undefined) this.released(acquired);
      else this.lost(acquired, error);
    };
    // It may have been lost on the way here.
    if (hold.lost !== undefined) this.lost(acquired, hold.lost);
  }

  private acquired(
    about: Pick<AcquiredEvent, 'lockName' | 'mode' | 'scope' | 'key' | 'holdId'>,
    waitedMs: number,
  ): AcquiredEvent {
    return this.events.emit({ type: 'acquired', at: new Date(), ...about, waitedMs }) as AcquiredEvent;
  }

  private async wish<T>(
    about: About,
    { waitMs, signal }: ToldWish,
    take: (onWaiting: () => void) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const startedAt = performance.now();
    let isWaiting = false;
    const tellBusy = (isAborted: boolean): void => {
      const waitedMs = isWaiting ? performance.now() - startedAt : 0;
      this.events.emit({ type: 'busy', at: new Date(), ...about, waitedMs, isAborted });
    };
    try {
      const taken = await take(() => {
        if (isWaiting) return;
        isWaiting = true;
        this.events.emit({ type: 'waiting', at: new Date(), ...about, waitMs });
      });
      if (taken === undefined) tellBusy(false);
      return taken;
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) tellBusy(true);
      else if (!(error instanceof LockShutdownError)) {
        this.events.emit({ type: 'error', at: new Date(), lockName: about.lockName, error });
      }
      throw error;
    }
  }
}

function aboutHold({ lockName, mode, scope, key, holdId }: AcquiredEvent) {
  return { lockName, mode, scope, key, holdId };
}
