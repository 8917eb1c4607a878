import type { ConnectionSource } from '../connection/connection-source.js';
import type { LockRoom } from './lock-room.js';
import { LockSession } from './lock-session.js';
import { QueueTurns } from './queue-turns.js';
import { WaitingSession } from './waiting-session.js';

/** How long a session without a wait stays open, in milliseconds. */
const IDLE_MS = 10_000;

/** The same while another one waits or is idle: only hot keys need several. */
const SURPLUS_IDLE_MS = 1_000;

/** The few sessions of this process that wait in the queue of Postgres, each for one key. */
export class WaitingSessions {
  /** The long waits, which share one of the sessions. */
  readonly turns = new QueueTurns();
  private readonly idle = new Map<WaitingSession, NodeJS.Timeout>();
  private readonly all = new Map<LockSession, WaitingSession>();
  private opening = 0;
  private isRefused = false;

  constructor(
    private readonly connections: ConnectionSource,
    private readonly room: LockRoom,
    private readonly onEnd: (session: LockSession, cause: Error) => void,
  ) {}

  /** How many there are, idle ones included. */
  get count(): number {
    return this.all.size;
  }

  /** Whether it is one of these, which has waited in the queue for what it holds. */
  has(session: LockSession): boolean {
    return this.all.has(session);
  }

  get backendPids(): number[] {
    return [...this.all.keys()].flatMap(({ backendPid }) => backendPid ?? []);
  }

  get isAnyWaiting(): boolean {
    return [...this.all.values()].some(({ isWaiting }) => isWaiting);
  }

  /**
   * A session to wait on, or `undefined` when there are as many as allowed, or the server has no room for
   * more, or none for waits at all.
   */
  async take(): Promise<WaitingSession | undefined> {
    if (this.isRefused) return undefined;
    // The one that was used last, so that those which are not needed are closed.
    const last = [...this.idle.keys()].at(-1);
    if (last !== undefined) {
      clearTimeout(this.idle.get(last));
      this.idle.delete(last);
      return last;
    }
    // One connection is for the shared session.
    if (this.all.size + this.opening >= this.connections.maxConnections - 1) return undefined;
    this.opening += 1;
    try {
      const connection = await this.connections.open();
      const lockSession = new LockSession(
        connection,
        this.connections.use,
        (ended, cause) => {
          this.forget(session);
          this.onEnd(ended, cause);
        },
        undefined,
        this.room,
      );
      const session = new WaitingSession(connection, lockSession);
      this.all.set(session.session, session);
      return session;
    } catch {
      return undefined;
    } finally {
      this.opening -= 1;
    }
  }

  /**
   * Takes back a session that holds nothing and waits for nothing. Ignores a session that is not one of
   * these.
   */
  giveBack(lockSession: LockSession): void {
    const session = this.all.get(lockSession);
    if (session === undefined) return;
    const idleMs = this.idle.size > 0 || this.isAnyWaiting ? SURPLUS_IDLE_MS : IDLE_MS;
    const timer = setTimeout(() => {
      this.forget(session);
      void session.close();
    }, idleMs).unref();
    this.idle.set(session, timer);
  }

  /** Call it when the server refuses the statement of a wait, as to a role without PL/pgSQL. */
  refuse(): void {
    this.isRefused = true;
  }

  /** Closes all sessions. Those that still wait or hold are cut off. */
  async close(): Promise<void> {
    const sessions = [...this.all.values()];
    for (const session of sessions) this.forget(session);
    await Promise.all(sessions.map((session) => session.close()));
  }

  /**
   * Fails every waiting session after the shared session lost the server. Sessions that hold a lock run their
   * own heartbeat.
   */
  failWaiting(cause: Error): void {
    for (const [session, waiting] of [...this.all]) if (waiting.isWaiting) session.fail(cause);
  }

  private forget(session: WaitingSession): void {
    clearTimeout(this.idle.get(session));
    this.idle.delete(session);
    this.all.delete(session.session);
  }
}
