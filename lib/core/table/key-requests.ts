import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { LockSession } from '../session/lock-session.js';
import type { LockSessions } from '../session/lock-sessions.js';
import type { PendingRequest } from '../session/pending-request.js';
import type { LockHold } from './lock-hold.js';

/** What the requests for a key report to its entry. */
export interface RequestingEntry {
  readonly key: LockKey;
  granted(session: LockSession, mode: LockMode): LockHold;
  /** This process does not hold the key: it was not granted, or the request has failed. */
  next(): void;
  givenBack(hold: LockHold): void;
}

// Classes rather than objects with closures: every lock makes one of each, and garbage is what a lock costs
// most.

/**
 * A request for a key that this process does not use yet. It is no promise, as all requests of a batch share
 * one: read the {@link hold} once it is {@link settled}.
 */
export class TryRequest implements PendingRequest {
  readonly operation = 'try';
  /** Never rejects. */
  readonly settled: Promise<void>;
  private session: LockSession | undefined;
  private granted: LockHold | undefined;
  private error: Error | undefined;

  constructor(
    private readonly entry: RequestingEntry,
    readonly mode: LockMode,
    sessions: Pick<LockSessions, 'shared' | 'openShared'>,
  ) {
    const { shared } = sessions;
    this.settled = shared === undefined ? this.sendOnceOpen(sessions) : this.send(shared);
  }

  get key(): LockKey {
    return this.entry.key;
  }

  /** The hold, or `undefined` when the key is held by another process. Throws what has made it fail. */
  get hold(): LockHold | undefined {
    if (this.error !== undefined) throw this.error;
    return this.granted;
  }

  /** The same as a promise. */
  async outcome(): Promise<LockHold | undefined> {
    await this.settled;
    return this.hold;
  }

  resolve(isGranted: boolean): void {
    if (isGranted && this.session !== undefined) {
      this.granted = this.entry.granted(this.session, this.mode);
    } else this.entry.next();
  }

  reject(error: Error): void {
    this.error = error;
    this.entry.next();
  }

  private send(session: LockSession): Promise<void> {
    this.session = session;
    return session.request(this);
  }

  private async sendOnceOpen(sessions: Pick<LockSessions, 'openShared'>): Promise<void> {
    try {
      await this.send(await sessions.openShared(this.key));
    } catch (error) {
      this.reject(error as Error);
    }
  }
}

/** Gives back the key of a hold. */
export class UnlockRequest implements PendingRequest {
  readonly operation = 'unlock';

  constructor(
    private readonly entry: RequestingEntry,
    private readonly hold: LockHold,
  ) {}

  get key(): LockKey {
    return this.hold.key;
  }

  get mode(): LockMode {
    return this.hold.mode;
  }

  resolve(): void {
    this.entry.givenBack(this.hold);
  }

  reject(): void {
    this.entry.givenBack(this.hold);
  }
}
