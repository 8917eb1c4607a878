import type { Notification } from '../connection/lock-connection.js';
import type { ConnectionSource } from '../connection/connection-source.js';
import { brokeConnection, LockConnectionError } from '../errors/lock-connection.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import type { LockKey } from '../key/lock-key.js';
import { FencingTokens } from './fencing-tokens.js';
import { SilenceError } from './heartbeat.js';
import type { LockRoom } from './lock-room.js';
import { LockSession } from './lock-session.js';
import { WaitingSessions } from './waiting-sessions.js';

export interface LockSessionsOptions {
  /** How many locks the sessions may hold together. */
  readonly room: LockRoom;
  /**
   * The channels that the shared session listens to, by the pid of its backend. Without it, it does not
   * listen.
   */
  readonly channelsOf?: ((backendPid: number) => readonly string[]) | undefined;
  readonly onNotification?: ((notification: Notification) => void) | undefined;
  /** Called when there is a session for new locks. */
  readonly onOpened?: (() => void) | undefined;
  /** Called when a session has ended by itself. Its locks are lost. */
  readonly onLost: (session: LockSession, cause: Error, isShared: boolean) => void;
}

/** The state of the shared session. */
export interface SessionPulse {
  /** How long ago the server was heard, in milliseconds. */
  readonly heartbeatAgeMs: number;
  /** Whether that is recent. An idle session sends no heartbeats, so this says nothing about it. */
  readonly isRecent: boolean;
  /** Whether this process holds nothing and waits for nothing. */
  readonly isIdle: boolean;
}

/**
 * The sessions of this process: the shared one, which holds all locks that are free at once, the few that
 * wait in the queue of Postgres, and the one that makes fencing tokens through a pooler.
 */
export class LockSessions {
  readonly waiting: WaitingSessions;
  private readonly fencingTokens: FencingTokens;
  private current: LockSession | undefined;
  /** A session that was idle for too long to take locks, and has replied to a question since. */
  private stale: LockSession | undefined;
  private opening: Promise<LockSession> | undefined;
  private isShuttingDown = false;
  /** Whether no session listens for a while. */
  private isDeaf = false;

  constructor(
    private readonly connections: ConnectionSource,
    private readonly options: LockSessionsOptions,
  ) {
    this.fencingTokens = new FencingTokens(connections);
    this.waiting = new WaitingSessions(connections, options.room, (session, cause) => {
      this.lost(session, cause);
    });
  }

  /** The shared session, if it is open and was heard recently. */
  get shared(): LockSession | undefined {
    return this.isDoubtful ? undefined : this.current;
  }

  /** The state of the shared session; `undefined` when there is none. Sends no query. */
  get pulse(): SessionPulse | undefined {
    const { current } = this;
    return (
      current && {
        heartbeatAgeMs: current.heartbeatAgeMs,
        isRecent: current.isRecent,
        isIdle: current.isIdle,
      }
    );
  }

  /** How many connections are open, and how many may be. */
  get connectionCounts(): { open: number; allowed: number } {
    const shared = this.current === undefined ? 0 : 1;
    return { open: shared + this.waiting.count, allowed: this.connections.maxConnections };
  }

  /** The pids of its backends, as far as they are known. */
  get backendPids(): number[] {
    return [this.current?.backendPid ?? [], this.waiting.backendPids].flat();
  }

  /**
   * The shared session, which is opened on first use. Callers at the same time share one attempt. Rejects
   * with `LOCK_CONNECTION`, or with `LOCK_SHUTDOWN` when no session is opened any more.
   */
  async openShared(key?: LockKey): Promise<LockSession> {
    const { shared } = this;
    if (shared !== undefined) return shared;
    this.refuseDuringShutdown(key);
    this.opening ??= this.reconnect();
    try {
      const session = await this.opening;
      this.refuseDuringShutdown(key);
      return session;
    } catch (error) {
      // Whatever has failed, the shutdown is the reason that counts.
      this.refuseDuringShutdown(key);
      throw error instanceof LockConnectionError ? new LockConnectionError(error.cause, key?.name) : error;
    }
  }

  /**
   * The shared session that there is, however long it was idle, for a statement that no lock depends on: a
   * reply counts only when it comes from the session that was asked. Rejects like {@link openShared}.
   */
  async openForReply(): Promise<LockSession> {
    const { current } = this;
    if (current === undefined) return this.openShared();
    if (current.isIdle && !current.isRecent) this.stale = current;
    return current;
  }

  /** A fencing token that was made while the session was alive, and so held its locks. */
  nextFencingToken(session: LockSession): Promise<bigint> {
    return this.fencingTokens.next(session);
  }

  /**
   * Lets no session receive notifications for so long, in milliseconds. Resolves when the shared one receives
   * none any more, and rejects when it is over.
   */
  async pauseListening(pauseMs: number): Promise<void> {
    this.isDeaf = true;
    setTimeout(() => {
      this.isDeaf = false;
      // A session that is over is followed by one that listens.
      void this.listenAgain().catch(() => undefined);
    }, pauseMs).unref();
    await this.current?.stopListening();
  }

  /** Ends the shared session at once: its locks are lost. */
  fail(cause: Error): void {
    this.current?.fail(cause);
  }

  /** Opens no more sessions. */
  beginShutdown(): void {
    this.isShuttingDown = true;
  }

  /** Closes all sessions. Those that still wait or hold are cut off. */
  async close(): Promise<void> {
    this.beginShutdown();
    await this.opening?.catch(() => undefined);
    await Promise.all([this.current?.close(), this.waiting.close(), this.fencingTokens.close()]);
    await this.connections.close();
  }

  private refuseDuringShutdown(key?: LockKey): void {
    if (this.isShuttingDown) throw new LockShutdownError(key?.name);
  }

  /**
   * Whether the shared session has been idle for so long, without a heartbeat, that its server may be gone: a
   * database that sleeps may have dropped it without a word.
   */
  private get isDoubtful(): boolean {
    const { current } = this;
    if (current?.isIdle !== true) return false;
    return current === this.stale || current.heartbeatAgeMs > this.connections.use.heartbeatMs;
  }

  /**
   * Confirms the session that was idle, or opens another one. As nothing is held on it, its end costs nothing
   * but the connection. A server that stays silent is given up within a heartbeat.
   */
  private async reconnect(): Promise<LockSession> {
    try {
      this.retireUnheard();
      const { current } = this;
      if (current !== undefined) await this.confirm(current);
      return current !== undefined && current.end === undefined ? current : await this.connect();
    } finally {
      this.opening = undefined;
    }
  }

  /**
   * Gives up an idle session that was not heard for longer than a session with locks may be. Meanwhile its
   * server may have been cut off, and replaced by another primary: it must not be believed when it is back.
   * A new connection goes to the server that has the address now.
   */
  private retireUnheard(): void {
    const { current } = this;
    if (current === undefined || !current.isIdle || (current.isRecent && current !== this.stale)) return;
    this.current = undefined;
    this.stale = undefined;
    // A query on its way fails with it, in an application that does not shut down.
    const reason = brokeConnection(
      new Error(`not heard for ${Math.round(current.heartbeatAgeMs)} ms, and idle`),
    );
    void current.close(reason).catch(() => undefined);
  }

  private async confirm(idle: LockSession): Promise<void> {
    const { heartbeatMs } = this.connections.use;
    const tooLate = setTimeout(() => {
      // Unless another caller has taken a lock on it in the meantime, so that it heard the server.
      if (idle.isIdle) idle.fail(new Error(`no response for ${heartbeatMs} ms after it was idle`));
    }, heartbeatMs);
    await idle.confirm().catch(() => undefined);
    clearTimeout(tooLate);
  }

  private async listenAgain(): Promise<void> {
    const { current } = this;
    const { backendPid } = current ?? {};
    if (backendPid !== undefined) await current?.listen(this.options.channelsOf?.(backendPid) ?? []);
  }

  private async connect(): Promise<LockSession> {
    const { room, channelsOf, onNotification = () => undefined, onOpened } = this.options;
    const wasDeaf = this.isDeaf;
    const connection = await this.connections.open(
      channelsOf && { channelsOf: wasDeaf ? () => [] : channelsOf, onNotification },
    );
    room.measure(connection.server.lockTableCapacity);
    this.current = new LockSession(
      connection,
      this.connections.use,
      (session, cause) => {
        this.lost(session, cause);
      },
      () => this.waiting.isAnyWaiting,
      room,
      true,
    );
    if (this.isDeaf) void this.current.stopListening().catch(() => undefined);
    else if (wasDeaf) void this.listenAgain().catch(() => undefined);
    onOpened?.();
    return this.current;
  }

  private lost(session: LockSession, cause: Error): void {
    const isShared = this.current === session;
    if (isShared) this.current = undefined;
    if (isShared && cause instanceof SilenceError) {
      // A waiting session receives nothing from a server that is alive either, so the silence of the shared
      // one counts.
      this.waiting.failWaiting(cause);
    } else if (isShared && !this.isShuttingDown && this.waiting.count > 0) {
      // The shared session monitors the server for the sessions that wait.
      void this.openShared().catch(() => undefined);
    }
    this.options.onLost(session, cause, isShared);
  }
}
