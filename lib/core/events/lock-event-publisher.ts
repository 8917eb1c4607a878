import type { LockLostError } from '../errors/lock-lost.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { AdvisoryLockEvents } from './advisory-lock-events.js';
import type { FollowedHold } from './followed-hold.js';
import { nextHoldId } from './hold-id.js';
import type { AcquiredEvent, BusyEvent } from './lock-event.js';

type About = Pick<BusyEvent, 'lockName' | 'mode' | 'scope'>;

/** The part of a request for a lock that events report. */
interface PublishedOptions {
  readonly mode: LockMode;
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Turns requests for locks and their outcomes into events. Use it only while there are listeners. */
export class LockEventPublisher {
  private readonly acquiredEvents = new WeakMap<FollowedHold, AcquiredEvent>();

  constructor(private readonly events: AdvisoryLockEvents) {}

  /** Takes one lock of the session, or several, and publishes its events until it is released or lost. */
  async session<T extends FollowedHold | readonly FollowedHold[]>(
    lockName: string,
    options: PublishedOptions,
    take: (onWaiting: () => void) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const startedAt = performance.now();
    const about = { lockName, mode: options.mode, scope: 'session' } as const;
    const taken = await this.request(about, options, take);
    const holds: readonly FollowedHold[] = taken === undefined ? [] : 'key' in taken ? [taken] : taken;
    for (const hold of holds) this.follow(hold, performance.now() - startedAt);
    return taken;
  }

  /**
   * Takes a lock of a transaction. The caller that receives the event must report the lock {@link released}.
   */
  async transaction(
    { name: lockName, id: key }: LockKey,
    options: PublishedOptions,
    take: (onWaiting: () => void) => Promise<boolean>,
    onAcquired?: (acquired: AcquiredEvent) => void,
  ): Promise<boolean> {
    const startedAt = performance.now();
    const about = { lockName, mode: options.mode, scope: 'transaction' } as const;
    const isTaken = await this.request(
      about,
      options,
      async (onWaiting) => (await take(onWaiting)) || undefined,
    );
    if (isTaken === undefined) return false;
    const acquired = this.acquired({ ...about, key, holdId: nextHoldId() }, performance.now() - startedAt);
    onAcquired?.(acquired);
    return true;
  }

  /** The event that was published when the hold was acquired, if there was one. */
  acquiredEventOf(hold: FollowedHold | undefined): AcquiredEvent | undefined {
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

  private follow(hold: FollowedHold, waitedMs: number): void {
    const { key, mode } = hold;
    const about = { lockName: key.name, mode, scope: 'session', key: key.id, holdId: hold.id } as const;
    const acquired = this.acquired(about, waitedMs);
    this.acquiredEvents.set(hold, acquired);
    hold.onceOver((error) => {
      if (error === undefined) this.released(acquired);
      else this.lost(acquired, error);
    });
  }

  private acquired(
    about: Pick<AcquiredEvent, 'lockName' | 'mode' | 'scope' | 'key' | 'holdId'>,
    waitedMs: number,
  ): AcquiredEvent {
    return this.events.emit({ type: 'acquired', at: new Date(), ...about, waitedMs }) as AcquiredEvent;
  }

  private async request<T>(
    about: About,
    { waitMs, signal }: PublishedOptions,
    take: (onWaiting: () => void) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const startedAt = performance.now();
    let isWaiting = false;
    const publishBusy = (isAborted: boolean): void => {
      const waitedMs = isWaiting ? performance.now() - startedAt : 0;
      this.events.emit({ type: 'busy', at: new Date(), ...about, waitedMs, isAborted });
    };
    try {
      const taken = await take(() => {
        if (isWaiting) return;
        isWaiting = true;
        this.events.emit({ type: 'waiting', at: new Date(), ...about, waitMs });
      });
      if (taken === undefined) publishBusy(false);
      return taken;
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) publishBusy(true);
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
