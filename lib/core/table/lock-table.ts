import { LockConnectionError } from '../errors/lock-connection.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import { Campaign } from './queued-acquisition.js';
import type { Checkup } from '../connection/checkup.js';
import { Claims } from './claims.js';
import { FencingTokens } from '../session/fencing-tokens.js';
import type { ServerFacts } from '../connection/handshake.js';
import { SilenceError } from '../session/heartbeat.js';
import type { LockActivity } from './lock-activity.js';
import type { Listening } from '../connection/lock-connection.js';
import type { LockConnections } from '../connection/lock-connections.js';
import { LockHold } from './lock-hold.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import { LockSession } from '../session/lock-session.js';
import type { Statement } from '../sql/lock-statements.js';
import type { SessionObserver } from './session-observer.js';
import { Waiter, type Wish } from './waiter.js';
import { WaitingSessions } from '../session/waiting-sessions.js';

const DEFAULT_MAX_LOCAL_HANDOFFS = 16;

/** How soon readers who wait for a writer elsewhere notice that he has left, in milliseconds. */
const LOOK_AGAIN_MS = 100;

/** How old a claim gets before the shutdown takes it away, in milliseconds: by so much may clocks of a fleet be apart then. */
const CLAIM_AGE_MS = 1_000;

/** What this process does with a key at the moment, and who waits for it here, first come, first served. */
interface Entry {
  readonly key: LockKey;
  readonly waiters: Waiter[];
  /** How often the lock was handed on, or joined by a reader, inside the process since other processes had their turn. */
  handoffs: number;
  /** When it is looked again whether readers have to wait for a writer elsewhere. */
  lookAgain?: NodeJS.Timeout | undefined;
  state:
    | { readonly name: 'asking'; readonly mode: LockMode; readonly answer: Promise<LockHold | undefined> }
    | {
        readonly name: 'held';
        readonly mode: LockMode;
        readonly session: LockSession;
        /** One, or the readers of this process, who share one lock of Postgres. */
        readonly holds: Set<LockHold>;
      }
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
  /** What this process has claimed, which lasts longer than what is done under it. */
  readonly claims: Claims;
  private readonly fencingTokens: FencingTokens;
  /** Who is told of its connections, if anybody. */
  observer: SessionObserver | undefined;
  private session: LockSession | undefined;
  private opening: Promise<LockSession> | undefined;
  private readonly closer = new AbortController();
  private closed: Promise<void> | undefined;
  private drained = false;
  private onEmpty: (() => void) | undefined;
  /** What the shared session listens to, from its next connection on. */
  listening: Listening | undefined;

  constructor(
    private readonly connections: LockConnections,
    /** After so many handovers inside the process, other processes have their turn. */
    private readonly maxLocalHandoffs = DEFAULT_MAX_LOCAL_HANDOFFS,
  ) {
    this.claims = new Claims((key) => this.sharedSession(key));
    this.fencingTokens = new FencingTokens(connections);
    this.waitingSessions = new WaitingSessions(connections, (session, cause) => {
      this.lost(session, cause);
    });
  }

  /** Aborts when no more locks are taken, for who holds one as long as he may. */
  get closeSignal(): AbortSignal {
    return this.closer.signal;
  }

  /** Whether no more locks are taken, for ever. */
  get isClosed(): boolean {
    return this.closed !== undefined;
  }

  /** Whether it is closed, and nobody has a lock of it any more. */
  get isDrained(): boolean {
    return this.drained;
  }

  /** Takes the key, or answers `undefined` when it is held or waited for, here or elsewhere. */
  tryAcquire(key: LockKey, mode: LockMode): Promise<LockHold | undefined> {
    if (this.isClosed) return Promise.reject(new LockShutdownError(key.name));
    const entry = this.entries.get(key.id);
    return entry === undefined ? this.ask(key, mode) : this.tryBusy(entry, mode);
  }

  /** Waits for the key; answers `undefined` when the time is over, and rejects with the reason of the signal. */
  async acquire(key: LockKey, wish: Wish): Promise<LockHold | undefined> {
    if (this.isClosed) throw new LockShutdownError(key.name);
    wish.signal?.throwIfAborted();
    return this.enqueue(key, wish);
  }

  /** Whether anybody in this process holds the key, waits or asks for it. */
  isWantedHere(key: LockKey): boolean {
    return this.entries.has(key.id);
  }

  /**
   * Hands the key on to who waits first here, or gives it back. Never rejects: a lock that cannot be given back is lost, and its
   * session ends, which frees it.
   */
  release(hold: LockHold): Promise<void> {
    const entry = this.entries.get(hold.key.id);
    if (hold.lost !== undefined || entry?.state.name !== 'held') return Promise.resolve();
    const { holds, mode, session } = entry.state;
    holds.delete(hold);
    hold.tellOver();
    if (holds.size > 0) return Promise.resolve();
    const isNext = mode === 'exclusive' && entry.waiters[0]?.mode === mode;
    const isHandedOn = isNext && entry.handoffs < this.maxLocalHandoffs && session.isRecent;
    if (!isHandedOn) return this.unlock(entry, hold);
    entry.handoffs += 1;
    this.grant(entry, session, mode);
    return Promise.resolve();
  }

  /** A number that is higher than that of every earlier holder; rejects when the hold is lost, or it cannot be told that it is not. */
  async fencingToken(hold: LockHold): Promise<bigint> {
    try {
      const token = await this.fencingTokens.next(hold.session);
      if (hold.lost === undefined) return token;
    } catch (error) {
      // A session that has ended for others may not have told yet.
      await hold.session.confirm().catch(() => undefined);
      if (hold.lost === undefined)
        throw new LockConnectionError(error, hold.key.name, 'No fencing token was made');
    }
    throw hold.lost;
  }

  /** Looks at the server. Rejects when it cannot be reached, or is not one to take locks on. */
  checkUp(): Promise<Checkup> {
    return this.askSession((session) => session.checkUp(this.connections.use));
  }

  /** Asks the server what no lock hangs on. Rejects with what the server says, or with `LOCK_CONNECTION` when it cannot be reached. */
  look(statement: Statement): Promise<(string | null)[]> {
    return this.askSession((session) => session.look(statement));
  }

  /** Ends the session that this process holds its locks on: they are lost. */
  failSession(cause: Error): void {
    this.session?.fail(cause);
  }

  /** How the session is that this process holds its locks on; `undefined` when there is none. It asks nobody. */
  get pulse(): { readonly heartbeatAgeMs: number; readonly isRecent: boolean } | undefined {
    const { session } = this;
    return session && { heartbeatAgeMs: session.heartbeatAgeMs, isRecent: session.isRecent };
  }

  /** How many connections are open, and how many may be. */
  get connectionCounts(): { open: number; allowed: number } {
    const shared = this.session === undefined ? 0 : 1;
    return { open: shared + this.waitingSessions.count, allowed: this.connections.maxConnections };
  }

  /** The pids of its backends that are known. */
  get backendPids(): number[] {
    return [this.session?.backendPid ?? [], this.waitingSessions.backendPids].flat();
  }

  /** What this process holds, and what is waited for here. */
  get activities(): LockActivity[] {
    return [...this.entries.values()].map(({ key, state, waiters }) => ({
      key,
      holds: state.name === 'held' ? [...state.holds] : [],
      waiters,
    }));
  }

  /** Whether the session hears notifications; connects when there is none. Rejects like {@link LockTable.look}. */
  async isListening(): Promise<boolean> {
    return (await this.sharedSession()).isListening;
  }

  /** Whether two sessions have shown that locks exclude on this server. */
  isExclusionProven(server: ServerFacts): boolean {
    return this.connections.isProven(server);
  }

  /** Whether anybody in the database holds the key, this process included. */
  async isLocked(key: LockKey): Promise<boolean> {
    if (this.entries.get(key.id)?.state.name === 'held') return true;
    return (await this.sharedSession(key)).isLocked(key);
  }

  /**
   * Takes no more locks and ends all waiting, gives the holders some time to release theirs, and tells those that have not that
   * theirs is lost; then it closes the connections. Once: a second call waits for the first.
   */
  close(graceMs: number): Promise<void> {
    this.closed ??= this.drain(graceMs);
    return this.closed;
  }

  private async drain(graceMs: number): Promise<void> {
    // Behind the assignment: who is told below may ask for another lock at once.
    await Promise.resolve();
    const campaigns: Promise<void>[] = [];
    for (const { key, state, waiters } of this.entries.values()) {
      for (const waiter of waiters.splice(0)) waiter.fail(new LockShutdownError(key.name));
      if (state.name === 'campaigning') campaigns.push(state.campaign.stop());
    }
    this.closer.abort(new DOMException('The application is shutting down', 'AbortError'));
    await Promise.all(campaigns);
    await this.emptied(graceMs);
    await this.claims.age(Math.min(graceMs, CLAIM_AGE_MS));
    for (const { key, state } of this.entries.values()) {
      const holds = holdsOf(state);
      if (holds.length > 0) this.entries.delete(key.id);
      for (const hold of holds) hold.lose('the application is shutting down');
    }
    this.claims.close();
    this.drained = true;
    await this.opening?.catch(() => undefined);
    await Promise.all([this.session?.close(), this.waitingSessions.close(), this.fencingTokens.close()]);
    await this.connections.close();
  }

  /** The caller gives it its state at once. */
  private newEntry(key: LockKey, waiters: Waiter[]): Entry {
    const entry = { key, waiters, handoffs: 0 } as unknown as Entry;
    this.entries.set(key.id, entry);
    return entry;
  }

  /** For a key that this process has something to do with already. */
  private async tryBusy(entry: Entry, mode: LockMode): Promise<LockHold | undefined> {
    const { key, state, waiters } = entry;
    if (waiters.length > 0) return undefined;
    if (canBeJoined(entry, mode)) return this.join(entry);
    if (state.name === 'releasing') {
      await state.done;
      return this.tryAcquire(key, mode);
    }
    if (state.name !== 'asking') return undefined;
    // Somebody here has just asked, and the answer serves both: what is granted to one, or refused, is not free for the other.
    const hold = await state.answer;
    const isAnswered = state.mode === mode && (mode === 'exclusive' || hold === undefined);
    return isAnswered ? undefined : this.tryAcquire(key, mode);
  }

  /** A reader more, without a round trip, unless others have waited for long enough: readers without end would starve a writer. */
  private async join(entry: Entry): Promise<LockHold | undefined> {
    const { key } = entry;
    if (!(await this.mayGoOn(entry))) return undefined;
    if (this.entries.get(key.id) !== entry || !canBeJoined(entry, 'shared'))
      return this.tryAcquire(key, 'shared');
    entry.handoffs += 1;
    return this.addHold(entry);
  }

  /** Whether another reader may come in, or other processes have to have their turn first. */
  private async mayGoOn(entry: Entry): Promise<boolean> {
    const { state } = entry;
    if (state.name === 'held' && !state.session.isRecent)
      await state.session.confirm().catch(() => undefined);
    if (state.name === 'held' && state.session.end !== undefined) return false;
    if (entry.handoffs < this.maxLocalHandoffs) return true;
    const session = await this.sharedSession(entry.key);
    if (await session.isWaitedFor(entry.key)) return false;
    entry.handoffs = 0;
    return true;
  }

  /**
   * Lets readers in who had to wait for a writer and need to no more, as he has left. One who waits elsewhere does not say when he
   * leaves, so that is looked at again from time to time.
   */
  private async letReadersIn(entry: Entry): Promise<void> {
    try {
      while (isReaderNext(entry)) {
        const mayGoOn = await this.mayGoOn(entry);
        if (!isReaderNext(entry)) return;
        if (!mayGoOn) {
          this.lookAgain(entry);
          return;
        }
        entry.handoffs += 1;
        entry.waiters.shift()?.grant(this.addHold(entry));
      }
    } catch {
      // The session is over, and its end lets who waits compete anew.
    }
  }

  private lookAgain(entry: Entry): void {
    entry.lookAgain ??= setTimeout(() => {
      entry.lookAgain = undefined;
      void this.letReadersIn(entry);
    }, LOOK_AGAIN_MS).unref();
  }

  private enqueue(key: LockKey, wish: Wish): Promise<LockHold | undefined> {
    if (this.isClosed) return Promise.reject(new LockShutdownError(key.name));
    const waiter = new Waiter(wish, (leaving) => this.leave(key, leaving));
    const entry = this.entries.get(key.id);
    if (entry === undefined) {
      this.campaign(this.newEntry(key, [waiter]));
      return waiter.outcome;
    }
    const { waiters } = entry;
    const place = waiters.findLastIndex(({ since }) => since <= waiter.since) + 1;
    waiters.splice(place, 0, waiter);
    waiter.tellWaiting();
    if (place === 0 && isReaderNext(entry)) void this.letReadersIn(entry);
    return waiter.outcome;
  }

  private ask(key: LockKey, mode: LockMode): Promise<LockHold | undefined> {
    const entry = this.newEntry(key, []);
    const answer = new Promise<LockHold | undefined>((resolve, reject) => {
      const fail = (error: Error): void => {
        this.next(entry);
        reject(error);
      };
      const tryOn = (session: LockSession): void => {
        session.request({
          operation: 'try',
          mode,
          key,
          resolve: (isGranted) => {
            if (isGranted) this.setHeld(entry, session, mode);
            else this.next(entry);
            resolve(isGranted ? this.addHold(entry) : undefined);
          },
          reject: fail,
        });
      };
      if (this.session === undefined) this.sharedSession(key).then(tryOn, fail);
      else tryOn(this.session);
    });
    entry.state = { name: 'asking', mode, answer };
    return answer;
  }

  private setHeld(entry: Entry, session: LockSession, mode: LockMode): void {
    entry.state = { name: 'held', mode, session, holds: new Set() };
  }

  private addHold(entry: Entry): LockHold {
    if (entry.state.name !== 'held') throw new Error(`the key ${entry.key.id} is not held`);
    const { mode, session, holds } = entry.state;
    const hold = new LockHold(entry.key, mode, session);
    holds.add(hold);
    return hold;
  }

  /**
   * Gives the key, which the session holds, to who waits first, and to all readers behind a reader; when nobody waits in this
   * mode, back to Postgres.
   */
  private grant(entry: Entry, session: LockSession, mode: LockMode): void {
    const { waiters } = entry;
    this.setHeld(entry, session, mode);
    let isServed = false;
    while (waiters[0]?.mode === mode && (mode === 'shared' || !isServed)) {
      waiters.shift()?.grant(this.addHold(entry));
      isServed = true;
    }
    if (!isServed) void this.unlock(entry, new LockHold(entry.key, mode, session));
  }

  private unlock(entry: Entry, hold: LockHold): Promise<void> {
    const { key, mode, session } = hold;
    const done = new Promise<void>((resolve) => {
      const finish = (): void => {
        // Unless it was lost meanwhile: then the key may be asked for anew by now.
        if (hold.lost === undefined) {
          this.waitingSessions.giveBack(session);
          this.next(entry);
        }
        resolve();
      };
      session.request({ operation: 'unlock', mode, key, resolve: finish, reject: finish });
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
      waiters[0]?.mode ?? 'exclusive',
      () => this.sharedSession(key),
      this.waitingSessions,
      () => waiters.reduce((latest, { deadline }) => Math.max(latest, deadline), 0) - performance.now(),
      () => {
        for (const waiter of waiters) waiter.tellWaiting();
      },
    );
    entry.handoffs = 0;
    entry.state = { name: 'campaigning', campaign };
    campaign.outcome.then(
      (session) => {
        if (session === undefined || session.end !== undefined) this.next(entry);
        else this.grant(entry, session, campaign.mode);
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
    if (isReaderNext(entry)) void this.letReadersIn(entry);
    if (entry.state.name !== 'campaigning') return;
    // Who is first now may want the key in the other mode: that is another campaign.
    if (entry.waiters[0]?.mode === entry.state.campaign.mode) return;
    await entry.state.campaign.stop();
    // What was granted in the last moment is on its way back by now.
    const state = this.entries.get(key.id)?.state;
    if (state?.name === 'releasing') await state.done;
  }

  private async askSession<T>(question: (session: LockSession) => Promise<T>): Promise<T> {
    const session = await this.sharedSession();
    try {
      return await question(session);
    } catch (error) {
      throw session.end === undefined ? error : new LockConnectionError(session.end, undefined, 'No answer');
    }
  }

  /** The session, opened when first needed; however many ask at once, there is one attempt. */
  private async sharedSession(key?: LockKey): Promise<LockSession> {
    if (this.session !== undefined) return this.session;
    this.refuseIfClosed(key);
    this.opening ??= this.connect();
    try {
      const session = await this.opening;
      this.refuseIfClosed(key);
      return session;
    } catch (error) {
      throw error instanceof LockConnectionError ? new LockConnectionError(error.cause, key?.name) : error;
    }
  }

  private refuseIfClosed(key?: LockKey): void {
    if (this.isClosed) throw new LockShutdownError(key?.name);
  }

  private async connect(): Promise<LockSession> {
    try {
      const connection = await this.connections.open(this.listening);
      this.session = new LockSession(
        connection,
        this.connections.use,
        (session, cause) => {
          this.lost(session, cause);
        },
        () => this.waitingSessions.isAnyWaiting,
      );
      this.observer?.opened();
      return this.session;
    } finally {
      this.opening = undefined;
    }
  }

  private lost(session: LockSession, cause: Error): void {
    const isShared = this.session === session;
    if (isShared) {
      this.session = undefined;
      // Who waits hears nothing either way, so the silence of the others' session counts for those who only wait.
      if (cause instanceof SilenceError) this.waitingSessions.failWaiting(cause);
      // It watches for those who wait.
      else if (!this.isClosed && this.waitingSessions.count > 0)
        void this.sharedSession().catch(() => undefined);
    }
    const lost: LockHold[] = [];
    for (const entry of this.entries.values()) {
      const { state } = entry;
      const holds = holdsOf(state).filter((hold) => hold.session === session);
      for (const hold of holds) hold.lose(`its database connection ended (${cause.message})`, cause);
      if (state.name === 'held') lost.push(...holds);
      if (holds.length > 0) this.next(entry);
    }
    if (!this.isClosed && (isShared || lost.length > 0)) this.observer?.lost(cause, lost);
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

/** Whether one more reader may come in without asking Postgres. Not past those who wait here. */
function canBeJoined({ state, waiters }: Entry, mode: LockMode): boolean {
  return mode === 'shared' && state.name === 'held' && state.mode === 'shared' && waiters.length === 0;
}

/** Whether the key is held by readers, and who waits first is one too. */
function isReaderNext({ state, waiters }: Entry): boolean {
  return state.name === 'held' && state.mode === 'shared' && waiters[0]?.mode === 'shared';
}

function holdsOf(state: Entry['state']): LockHold[] {
  if (state.name === 'held') return [...state.holds];
  return state.name === 'releasing' ? [state.hold] : [];
}
