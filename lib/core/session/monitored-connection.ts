import type { Connection } from '../connection/connection-source.js';
import type { HeartbeatTimes } from '../connection/session-times.js';
import { brokeConnection } from '../errors/lock-connection.error.js';
import { BACKEND_PID } from '../sql/session-statements.js';
import { isServerError } from '../sql/sqlstate.js';
import type { Statement } from '../sql/statement.js';
import { Heartbeat, SilenceError } from './heartbeat.js';
import { StatementTurns } from './statement-turns.js';

export interface MonitoredConnectionOptions {
  readonly times: HeartbeatTimes;
  /** Called once, when the connection is over or in doubt. */
  readonly onEnd: (cause: Error) => void;
  /** Whether a lock is held on it. Its holder gets time to stop when the server goes silent. */
  readonly isHolding: () => boolean;
  /** Whether nothing depends on it, so that it sends no heartbeats. */
  readonly isIdle: () => boolean;
  /**
   * Whether other sessions, which cannot send a query meanwhile, rely on this one to notice a silent server.
   */
  readonly watchesForOthers: () => boolean;
}

/**
 * A connection to one backend that notices when the backend is gone. It runs one statement at a time, and
 * every result is a sign of life. It knows nothing about locks.
 */
export class MonitoredConnection {
  /** In which order it is used. */
  readonly turns = new StatementTurns();
  private inFlight = 0;
  private endCause: Error | undefined;
  private readonly heartbeat: Heartbeat;

  constructor(
    private readonly connection: Connection,
    private readonly options: MonitoredConnectionOptions,
  ) {
    this.heartbeat = new Heartbeat(
      options.times,
      () => {
        this.beat();
      },
      (error) => {
        this.fail(error);
      },
      options.isIdle,
    );
    void connection.ended.then((cause) => {
      this.fail(cause);
    });
  }

  get isPooled(): boolean {
    return this.connection.isPooled;
  }

  /** The pid of its backend; `undefined` while a pooler has not assigned one. */
  get backendPid(): number | undefined {
    return this.connection.backendPid;
  }

  /** Whether it was opened so that it receives notifications. */
  get canListen(): boolean {
    return this.connection.isListening;
  }

  /**
   * Whether the backend was heard recently. It was not when the event loop was blocked, or the process
   * frozen, for long: then the session may be over without this process having read that. Nor is it once the
   * connection is over: while holders are notified of that, they may release other locks of the same session.
   */
  get isRecent(): boolean {
    return this.endCause === undefined && this.heartbeat.isRecent;
  }

  /** How long ago the backend was heard, in milliseconds. */
  get heartbeatAgeMs(): number {
    return this.heartbeat.ageMs;
  }

  /** What ended the connection; `undefined` while it is alive. */
  get end(): Error | undefined {
    return this.endCause;
  }

  /** Runs a statement and returns its first column. Only in turn. */
  query(statement: Statement): Promise<(string | null)[]> {
    return this.observe(() => this.connection.query(statement));
  }

  /** Whether a statement of that name may be sent while another one is in flight. */
  canPipeline(name: string): boolean {
    return this.connection.canPipeline(name);
  }

  /**
   * The same, also behind a batch that is in flight. Resolves to the result, and to whether it was read soon
   * enough to be relied on.
   */
  queryUnconfirmed(
    statement: Statement,
  ): Promise<{ readonly result: (string | null)[]; readonly isRecent: boolean }> {
    return this.time(() => this.connection.query(statement));
  }

  /**
   * Runs a statement that no lock depends on. When it fails, the transaction that holds the locks through a
   * pooler goes on. Only in turn.
   */
  queryOutsideBatch(statement: Statement): Promise<(string | null)[]> {
    return this.outsideBatch(() => this.connection.query(statement));
  }

  /** The same for several statements. Only in turn. */
  async outsideBatch<T>(statements: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      return await this.observe(() => statements(this.connection));
    } catch (error) {
      if (isServerError(error)) await this.connection.repin();
      throw error;
    }
  }

  /**
   * Runs statements without a time limit, such as the wait for a key. Meanwhile silence has no meaning.
   * Resolves to the result, and to whether the server was heard recently enough for the result to be relied
   * on. Only in turn.
   */
  async withoutSilenceTimeout<T>(
    statements: (connection: Connection) => Promise<T>,
  ): Promise<{ readonly result: T; readonly isRecent: boolean }> {
    if (this.endCause !== undefined) throw this.endCause;
    let result: T;
    let isRecent: boolean;
    this.heartbeat.beginUnbounded();
    try {
      await this.connection.pin();
      result = await statements(this.connection);
    } finally {
      isRecent = this.heartbeat.endUnbounded();
    }
    return { result, isRecent };
  }

  /**
   * Checks that the backend is alive and still the one that holds the locks. Rejects when the connection is
   * over.
   */
  async confirm(): Promise<void> {
    await this.turns.alone(async () => {
      // Through a pooler, a session whose last lock has just been released has no backend that could have
      // changed.
      if (this.connection.backendPid === undefined) {
        this.heartbeat.heard();
        return;
      }
      const [backendPid] = await this.queryOutsideBatch(BACKEND_PID);
      if (Number(backendPid) === this.connection.backendPid) return;
      this.fail(new Error('the pooler has taken the backend away'));
      throw this.endCause as Error;
    });
  }

  /** Makes certain that a pooler keeps the backend for this connection. Only in turn. */
  async pin(): Promise<void> {
    if (this.endCause !== undefined) throw this.endCause;
    // Nothing is sent, so that nothing is heard of the server.
    if (this.connection.backendPid !== undefined) return;
    this.heartbeat.asked();
    await this.connection.pin();
    this.heartbeat.heard();
  }

  /** Goes on after a failed statement, on the same backend. Only in turn. */
  async repin(): Promise<void> {
    this.heartbeat.asked();
    await this.connection.repin();
  }

  /** Gives the backend back to a pooler. It must hold no lock. Never rejects. Only in turn. */
  async unpin(): Promise<void> {
    if (!this.isPooled || this.connection.backendPid === undefined) return;
    this.heartbeat.asked();
    try {
      await this.connection.unpin();
      this.heartbeat.heard();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  /** Ends the connection on purpose; when it resolves, all locks on it are free. */
  async close(reason: Error): Promise<void> {
    this.endWith(reason);
    await this.connection.close();
  }

  /** Ends the connection at once. */
  fail(cause: Error): void {
    // In this order: the server may free the locks as soon as it notices the end, and their holders must be
    // notified before that.
    if (!this.endWith(brokeConnection(cause))) return;
    // A silent server may still receive the end of the connection, so its holders first get time to stop, the
    // same as when it does not.
    if (cause instanceof SilenceError && this.options.isHolding()) {
      setTimeout(() => {
        this.connection.destroy();
      }, this.options.times.heartbeatMs);
    } else this.connection.destroy();
  }

  /** Runs no more statements, and notifies. Returns whether the connection had not ended before. */
  private endWith(cause: Error): boolean {
    if (this.endCause !== undefined) return false;
    this.endCause = cause;
    this.heartbeat.stop();
    this.options.onEnd(cause);
    return true;
  }

  /**
   * Every result is a sign of life, and so is an error of the server. A result that was read late, by a
   * process that was busy or frozen, describes the past, and is relied on only after the backend has
   * responded again.
   */
  private async observe<T>(statements: () => Promise<T>): Promise<T> {
    const { result, isRecent } = await this.time(statements);
    if (!isRecent) await this.query(BACKEND_PID);
    return result;
  }

  private async time<T>(
    statements: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly isRecent: boolean }> {
    if (this.endCause !== undefined) throw this.endCause;
    if (this.inFlight === 0) this.heartbeat.asked();
    else this.heartbeat.askedBehind();
    this.inFlight += 1;
    let result: T;
    let isRecent: boolean;
    try {
      result = await statements();
    } finally {
      this.inFlight -= 1;
      isRecent = this.heartbeat.heard();
    }
    return { result, isRecent };
  }

  private beat(): void {
    const isPinned = this.connection.backendPid !== undefined;
    if (isPinned) void this.confirm().catch(() => undefined);
    // Through a pooler, a session that holds nothing has no backend to lose, and a query would take one from
    // others.
    else if (this.options.watchesForOthers())
      void this.turns.alone(() => this.query(BACKEND_PID)).catch(() => undefined);
    else this.heartbeat.heard();
  }
}
