import { LockConnectionError } from '../errors/lock-connection.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import { Campaign } from './campaign.js';
import type { LockConnections } from './lock-connections.js';
import { LockHold } from './lock-hold.js';
import type { LockKey } from './lock-key.js';
import { LockSession } from './lock-session.js';
import { Waiter, type Wish } from './waiter.js';
import { WaitingSessions } from './waiting-sessions.js';

const DEFAULT_MAX_LOCAL_HANDOFFS = 16;

/** What this process does with a key at the moment, and who waits for it here, first come, first served. */
interface Entry {
  readonly key: LockKey;
  readonly waiters: Waiter[];
  /** How often the lock was handed on inside the process since it was last taken from Postgres. */
  handoffs: number;
  state:
    | { readonly name: 'asking'; readonly answer: Promise<LockHold | undefined> }
    | { readonly name: 'held'; readonly hold: LockHold }
    | { readonly name: 'releasing'; readonly hold: LockHold; readonly done: Promise<void> }
    | { readonly name: 'campaigning'; readonly campaign: Campaign };
}

/**
 * Who in this process holds which key, or waits for it. Exclusion inside the process is decided here, without a round trip, and
 * must be: Postgres grants a key again to the session that holds it.
 */
export class LockTable {
  private readonly entries = new Map<string, Entry>();
  private readonly waitingSessions: WaitingSessions;
  private session: LockSession | undefined;
  private opening: Promise<LockSession> | undefined;
  private closing = false;
  private onEmpty: (() => void) | undefined;

  constructor(
    private readonly connections: LockConnections,
    /** After so many handovers inside the process, other processes have their turn. */
    private readonly maxLocalHandoffs = DEFAULT_MAX_LOCAL_HANDOFFS,
  ) {
    this.waitingSessions = new WaitingSessions(connections, (session, cause) => {
      this.lost(session, cause);
    });
  }

  /** Whether no more locks are taken, for ever. */
  get isClosed(): boolean {
    return this.closing;
  }

  /** Takes the key, or answers `undefined` when it is held or waited for, here or elsewhere. */
  tryAcquire(key: LockKey): Promise<LockHold | undefined> {
    if (this.closing) return Promise.reject(new LockShutdownError(key.name));
    const entry = this.entries.get(key.id);
    return entry === undefined ? this.ask(key) : this.tryBusy(entry);
  }

  /** Waits for the key; answers `undefined` when the time is over, and rejects with the reason of the signal. */
  acquire(key: LockKey, wish: Wish): Promise<LockHold | undefined> {
    if (this.closing) return Promise.reject(new LockShutdownError(key.name));
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what an AbortSignal says is thrown as it is
    if (wish.signal?.aborted) return Promise.reject(wish.signal.reason);
    const waiter = new Waiter(wish, (leaving) => this.leave(key, leaving));
    const entry = this.entries.get(key.id);
    if (entry === undefined) this.campaign(this.newEntry(key, [waiter]));
    else entry.waiters.push(waiter);
    return waiter.outcome;
  }

  /**
   * Hands the key on to who waits first here, or gives it back. Never rejects: a lock that cannot be given back is lost, and its
   * session ends, which frees it.
   */
  release(hold: LockHold): Promise<void> {
    const entry = this.entries.get(hold.key.id);
    if (hold.lost !== undefined || entry === undefined) return Promise.resolve();
    if (entry.waiters.length > 0 && entry.handoffs < this.maxLocalHandoffs) {
      entry.handoffs += 1;
      this.grant(entry, hold.session);
      return Promise.resolve();
    }
    return this.unlock(entry, hold);
  }

  /** Whether anybody in the database holds the key, this process included. */
  async isLocked(key: LockKey): Promise<boolean> {
    if (this.entries.get(key.id)?.state.name === 'held') return true;
    return (await this.sharedSession(key)).isLocked(key);
  }

  /**
   * Takes no more locks and ends all waiting, gives the holders some time to release theirs, and tells those that have not that
   * theirs is lost; then it closes the connections.
   */
  async close(graceMs: number): Promise<void> {
    this.closing = true;
    const campaigns: Promise<void>[] = [];
    for (const { key, state, waiters } of this.entries.values()) {
      for (const waiter of waiters.splice(0)) waiter.fail(new LockShutdownError(key.name));
      if (state.name === 'campaigning') campaigns.push(state.campaign.stop());
    }
    await Promise.all(campaigns);
    await this.emptied(graceMs);
    for (const { key, state } of this.entries.values()) {
      if (!('hold' in state)) continue;
      this.entries.delete(key.id);
      state.hold.lose('the application is shutting down');
    }
    await this.opening?.catch(() => undefined);
    await Promise.all([this.session?.close(), this.waitingSessions.close()]);
    await this.connections.close();
  }

  private newEntry(key: LockKey, waiters: Waiter[], state?: Entry['state']): Entry {
    const entry = { key, waiters, handoffs: 0, state } as Entry;
    this.entries.set(key.id, entry);
    return entry;
  }

  /** For a key that this process has something to do with already. */
  private async tryBusy(entry: Entry): Promise<LockHold | undefined> {
    if (entry.waiters.length > 0) return undefined;
    if (entry.state.name === 'releasing') {
      await entry.state.done;
      return this.tryAcquire(entry.key);
    }
    // Somebody here has just asked, and the answer serves both: granted to them or refused, it is not free for us.
    if (entry.state.name === 'asking') await entry.state.answer;
    return undefined;
  }

  private ask(key: LockKey): Promise<LockHold | undefined> {
    const entry = this.newEntry(key, []);
    const answer = new Promise<LockHold | undefined>((resolve, reject) => {
      const fail = (error: Error): void => {
        this.next(entry);
        reject(error);
      };
      const tryOn = (session: LockSession): void => {
        session.request({
          operation: 'try',
          key,
          resolve: (isGranted) => {
            if (!isGranted) this.next(entry);
            resolve(isGranted ? this.hold(entry, session) : undefined);
          },
          reject: fail,
        });
      };
      if (this.session === undefined) this.sharedSession(key).then(tryOn, fail);
      else tryOn(this.session);
    });
    entry.state = { name: 'asking', answer };
    return answer;
  }

  private hold(entry: Entry, session: LockSession): LockHold {
    const hold = new LockHold(entry.key, session);
    entry.state = { name: 'held', hold };
    return hold;
  }

  /** Gives the key, which the session holds, to who waits first; when nobody does, back to Postgres. */
  private grant(entry: Entry, session: LockSession): void {
    const hold = this.hold(entry, session);
    const waiter = entry.waiters.shift();
    if (waiter === undefined) void this.unlock(entry, hold);
    else waiter.grant(hold);
  }

  private unlock(entry: Entry, hold: LockHold): Promise<void> {
    const { key, session } = hold;
    const done = new Promise<void>((resolve) => {
      const finish = (): void => {
        // Unless it was lost meanwhile: then the key may be asked for anew by now.
        if (hold.lost === undefined) {
          this.waitingSessions.giveBack(session);
          this.next(entry);
        }
        resolve();
      };
      session.request({ operation: 'unlock', key, resolve: finish, reject: finish });
    });
    entry.state = { name: 'releasing', hold, done };
    return done;
  }

  /** What follows when this process does not hold the key any more: who waits competes for it. */
  private next(entry: Entry): void {
    if (entry.waiters.length > 0) {
      this.campaign(entry);
      return;
    }
    this.entries.delete(entry.key.id);
    this.tellIfEmpty();
  }

  private campaign(entry: Entry): void {
    const { key, waiters } = entry;
    const campaign = new Campaign(
      key,
      () => this.sharedSession(key),
      this.waitingSessions,
      () => waiters.reduce((latest, { deadline }) => Math.max(latest, deadline), 0) - performance.now(),
    );
    entry.handoffs = 0;
    entry.state = { name: 'campaigning', campaign };
    campaign.outcome.then(
      (session) => {
        if (session === undefined || session.end !== undefined) this.next(entry);
        else this.grant(entry, session);
      },
      (error: unknown) => {
        for (const waiter of waiters.splice(0)) waiter.fail(error);
        this.next(entry);
      },
    );
  }

  private async leave(key: LockKey, waiter: Waiter): Promise<void> {
    const entry = this.entries.get(key.id);
    const place = entry?.waiters.indexOf(waiter) ?? -1;
    if (entry === undefined || place < 0) return;
    entry.waiters.splice(place, 1);
    if (entry.waiters.length > 0 || entry.state.name !== 'campaigning') return;
    await entry.state.campaign.stop();
    // What was granted in the last moment is on its way back by now.
    const state = this.entries.get(key.id)?.state;
    if (state?.name === 'releasing') await state.done;
  }

  /** The session, opened when first needed; however many ask at once, there is one attempt. */
  private async sharedSession(key: LockKey): Promise<LockSession> {
    if (this.session !== undefined) return this.session;
    this.opening ??= this.connect();
    try {
      return await this.opening;
    } catch (error) {
      throw error instanceof LockConnectionError ? new LockConnectionError(error.cause, key.name) : error;
    }
  }

  private async connect(): Promise<LockSession> {
    try {
      const connection = await this.connections.open();
      this.session = new LockSession(connection, (session, cause) => {
        this.lost(session, cause);
      });
      return this.session;
    } finally {
      this.opening = undefined;
    }
  }

  private lost(session: LockSession, cause: Error): void {
    if (this.session === session) this.session = undefined;
    for (const entry of this.entries.values()) {
      if (!('hold' in entry.state) || entry.state.hold.session !== session) continue;
      entry.state.hold.lose(`its database connection ended (${cause.message})`, cause);
      this.next(entry);
    }
  }

  private tellIfEmpty(): void {
    if (this.entries.size === 0) this.onEmpty?.();
  }

  private async emptied(graceMs: number): Promise<void> {
    if (this.entries.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
