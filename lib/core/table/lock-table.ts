import type { ConnectionLog } from '../events/connection-log.js';
import { connectionError, LockConnectionError } from '../errors/lock-connection.error.js';
import { SHUTDOWN_REASON } from '../errors/lock-lost.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import type { Notification } from '../connection/lock-connection.js';
import type { ConnectionSource } from '../connection/connection-source.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import { LockRoom } from '../session/lock-room.js';
import type { LockSession } from '../session/lock-session.js';
import { LockSessions } from '../session/lock-sessions.js';
import type { AcquireOptions } from './acquire-options.js';
import { BlockedCalls } from './blocked-calls.js';
import { ChainedMap } from './chained-map.js';
import { Claims } from './claims.js';
import { KeyEntry } from './key-entry.js';
import { TryRequest } from './key-requests.js';
import type { KeyEntryTable } from './key-entry-table.js';
import type { KeyStateName } from './key-state.js';
import type { LockActivity } from './lock-activity.js';
import { holdsAround } from './lock-context.js';
import type { LockHold } from './lock-hold.js';
import { WakeUps } from './wake-ups.js';

const DEFAULT_MAX_LOCAL_HANDOFFS = 16;

/**
 * How long a turn is at least by default, in milliseconds. It takes half of that to give the turn to another
 * process: with 16 hand-offs of a few microseconds, a key that is hot in four processes would spend most of
 * its time on the way.
 */
const QUICK_TURN_MS = 1;

/**
 * How old a claim gets before the shutdown gives it up, in milliseconds: the clocks of a fleet may be that
 * far apart.
 */
const CLAIM_AGE_MS = 1_000;

export interface LockTableOptions {
  /** How many locks this process may hold at once. By default half of what the server has room for. */
  readonly maxLocks?: number | undefined;
  /**
   * After this many hand-offs inside the process it is the turn of other processes. By default after 16, and
   * not before a millisecond.
   */
  readonly maxLocalHandoffs?: number | undefined;
  /** Logs the end of a connection, and the next connection. */
  readonly connectionLog?: Pick<ConnectionLog, 'opened' | 'lost'> | undefined;
  /** The channels that the shared session listens to, by the pid of its backend. */
  readonly channelsOf?: ((backendPid: number) => readonly string[]) | undefined;
  readonly onNotification?: ((notification: Notification) => void) | undefined;
  /** Called for each change of the state of a key. */
  readonly onTransition?: ((from: KeyStateName, to: KeyStateName) => void) | undefined;
}

/**
 * Which keys this process holds or waits for. It decides about exclusion inside the process without a round
 * trip. It must: Postgres grants a key again to the session that holds it.
 */
export class LockTable implements KeyEntryTable {
  readonly sessions: LockSessions;
  /** How many locks this process holds, and how many it may. */
  readonly room: LockRoom;
  readonly maxLocalHandoffs: number;
  readonly quickTurnMs: number;
  readonly onTransition: LockTableOptions['onTransition'];
  /** The claims of this process. They last longer than the work that they are for. */
  readonly claims: Claims;
  /** The calls that keep locks while they wait. */
  readonly blockedCalls = new BlockedCalls((key) => this.entries.get(key.id));
  readonly wakeUps = new WakeUps((keyId) => this.entries.has(keyId));
  private readonly entries = new ChainedMap<KeyEntry>();
  private readonly connectionLog: LockTableOptions['connectionLog'];
  private readonly closer = new AbortController();
  private closed: Promise<void> | undefined;
  private drained = false;
  private onEmpty: (() => void) | undefined;

  constructor(connections: ConnectionSource, options: LockTableOptions = {}) {
    const { maxLocalHandoffs, connectionLog, channelsOf, onNotification } = options;
    this.maxLocalHandoffs = maxLocalHandoffs ?? DEFAULT_MAX_LOCAL_HANDOFFS;
    this.quickTurnMs = maxLocalHandoffs === undefined ? QUICK_TURN_MS : 0;
    this.connectionLog = connectionLog;
    this.onTransition = options.onTransition;
    this.room = new LockRoom(options.maxLocks, () => this.heldNames());
    this.sessions = new LockSessions(connections, {
      room: this.room,
      channelsOf,
      onNotification,
      onOpened: () => connectionLog?.opened(),
      onLost: (session, cause, isShared) => {
        this.lost(session, cause, isShared);
      },
    });
    this.claims = new Claims((key) => this.sessions.openShared(key));
  }

  /** Aborts when no more locks are taken, for callers that hold a lock until then. */
  get closeSignal(): AbortSignal {
    return this.closer.signal;
  }

  /** Whether no more locks are taken, permanently. */
  get isClosed(): boolean {
    return this.closed !== undefined;
  }

  /** Whether it is closed and holds no lock. */
  get isDrained(): boolean {
    return this.drained;
  }

  /** What this process holds, and what its calls wait for. */
  get activities(): LockActivity[] {
    return [...this.entries].map(({ key, holds, waiting }) => ({ key, holds, waiters: waiting }));
  }

  /**
   * Takes the key; resolves to `undefined` when this or another process holds it, or calls here wait for it.
   */
  tryAcquire(key: LockKey, mode: LockMode): Promise<LockHold | undefined> {
    const attempt = this.attempt(key, mode);
    return attempt instanceof TryRequest ? attempt.outcome() : attempt;
  }

  /** The same, where a key that is not used here costs no promise. */
  attempt(key: LockKey, mode: LockMode): TryRequest | Promise<LockHold | undefined> {
    if (this.isClosed) return Promise.reject(new LockShutdownError(key.name));
    const entry = this.entries.get(key.id);
    return entry === undefined ? this.newEntry(key).tryFirst(mode) : entry.tryAgain(mode);
  }

  /**
   * Waits for the key; resolves to `undefined` when the time is over, and rejects with the reason of the
   * signal.
   */
  acquire(key: LockKey, options: AcquireOptions): Promise<LockHold | undefined> {
    if (this.isClosed) return Promise.reject(new LockShutdownError(key.name));
    if (options.signal?.aborted === true) return Promise.reject(options.signal.reason as Error);
    const entry = this.entries.get(key.id) ?? this.newEntry(key);
    // Not in a copy of the options: measured, a copy for each wait halves the hand-offs of a hot key.
    return entry.wait(options, options.inside ?? this.holdsAround());
  }

  /** The locks that the calling code runs inside. */
  holdsAround(): readonly LockHold[] {
    return holdsAround(this);
  }

  /** Whether any call in this process holds the key, requests it or waits for it. */
  isWantedHere(key: LockKey): boolean {
    return this.entries.has(key.id);
  }

  /** Releases the lock; returns `undefined` when it need not be waited for. Never rejects. */
  release(hold: LockHold): Promise<void> | undefined {
    return this.entries.get(hold.key.id)?.release(hold);
  }

  /**
   * Takes the lock away from its holder, which is notified: the hold is lost. The key stays locked until the
   * holder has released it, but no longer than `graceMs` milliseconds.
   */
  withdraw(hold: LockHold, reason: string, graceMs: number): void {
    hold.lose(reason);
    setTimeout(() => void this.release(hold), graceMs).unref();
  }

  /** Whether any session in the database holds the key, this process included. */
  async isLocked(key: LockKey): Promise<boolean> {
    if (this.entries.get(key.id)?.isHeld === true) return true;
    return (await this.sessions.openShared(key)).isLocked(key);
  }

  /**
   * Resolves to a number that is higher than that of every earlier holder. Rejects when the hold is lost, or
   * when it is not certain that it is not.
   */
  async fencingToken(hold: LockHold): Promise<bigint> {
    try {
      const token = await this.sessions.nextFencingToken(hold.session);
      if (hold.lost === undefined) return token;
    } catch (error) {
      // Its session may have ended for the server, and not have noticed yet.
      await hold.session.confirm().catch(() => undefined);
      if (hold.lost === undefined)
        throw connectionError(
          error instanceof LockConnectionError ? error.cause : error,
          hold.key.name,
          'No fencing token was made',
        );
    }
    throw hold.lost;
  }

  /**
   * Takes no more locks, ends all waiting and gives the holders `graceMs` milliseconds to release their
   * locks. After that it notifies those that have not, because their locks are lost, and closes the
   * connections. A second call waits for the first.
   */
  close(graceMs: number): Promise<void> {
    this.closed ??= this.drain(graceMs);
    return this.closed;
  }

  /** For entries alone: that of the key stands for nothing any more. */
  freed(key: LockKey): void {
    this.entries.delete(key.id);
    if (this.entries.size === 0) this.onEmpty?.();
  }

  private async drain(graceMs: number): Promise<void> {
    this.sessions.beginShutdown();
    // After the caller has assigned the promise: what is notified below may request another lock at once.
    await Promise.resolve();
    const entries = [...this.entries];
    const ended = entries.map((entry) => entry.endWaiting());
    this.closer.abort(new DOMException('The application is shutting down', 'AbortError'));
    await Promise.all(ended);
    await this.emptied(graceMs);
    await this.claims.age(Math.min(graceMs, CLAIM_AGE_MS));
    for (const entry of [...this.entries]) entry.revoke(SHUTDOWN_REASON);
    this.claims.close();
    this.drained = true;
    await this.sessions.close();
  }

  private *heldNames(): Generator<string> {
    for (const { key, isHeld } of this.entries) if (isHeld) yield key.name;
    for (const { key } of this.claims.held) yield key.name;
  }

  private newEntry(key: LockKey): KeyEntry {
    const entry = new KeyEntry(key, this);
    this.entries.add(entry);
    return entry;
  }

  private lost(session: LockSession, cause: Error, isShared: boolean): void {
    const lost = [...this.entries].flatMap((entry) => entry.lose(session, cause));
    if (this.isClosed || (!isShared && lost.length === 0)) return;
    this.connectionLog?.lost(
      cause,
      lost.map(({ key }) => key),
    );
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
