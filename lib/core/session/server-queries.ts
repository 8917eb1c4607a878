import type { Checkup } from '../connection/checkup.js';
import type { ServerFacts } from '../connection/handshake.js';
import type { ConnectionSource } from '../connection/connection-source.js';
import { connectionError } from '../errors/lock-connection.error.js';
import type { Statement } from '../sql/statement.js';
import type { LockSession } from './lock-session.js';
import type { LockSessions } from './lock-sessions.js';

/** Queries that no lock depends on. They use the shared session. */
export class ServerQueries {
  constructor(
    private readonly sessions: LockSessions,
    private readonly connections: ConnectionSource,
  ) {}

  /**
   * Runs a statement and returns its first column as text. Rejects with the error of the server, or with
   * `LOCK_CONNECTION` when the server cannot be reached.
   */
  query(statement: Statement): Promise<(string | null)[]> {
    return this.ask((session) => session.query(statement));
  }

  /**
   * The same for a reply to a notification, which comes from the session that has received it, however long
   * that was idle.
   */
  reply(statement: Statement): Promise<(string | null)[]> {
    return this.ask((session) => session.query(statement), this.sessions.openForReply());
  }

  /** Inspects the server. Rejects when it cannot be reached, or its locks do not count. */
  checkUp(): Promise<Checkup> {
    return this.ask((session) => session.checkUp(this.connections.use));
  }

  /**
   * Whether the shared session receives notifications; connects when there is none. Rejects like
   * {@link query}.
   */
  async isListening(): Promise<boolean> {
    return (await this.listener()) !== undefined;
  }

  /**
   * Stands for the shared session, if it receives notifications: another object after each loss of a session,
   * and each gap. Connects when there is none, and sends no query otherwise. Rejects like {@link query}.
   */
  async listener(): Promise<object | undefined> {
    return (await this.sessions.openShared()).listener;
  }

  /**
   * Lets this process receive no notifications for so long, in milliseconds; resolves when the shared session
   * receives none any more. A session that takes its place begins to receive them at the end of that time.
   * Rejects like {@link query}.
   */
  pauseListening(pauseMs: number): Promise<void> {
    return this.sessions.pauseListening(pauseMs);
  }

  /** Whether two sessions have proven that locks of this server exclude each other. */
  isExclusionProven(server: ServerFacts): boolean {
    return this.connections.isProven(server);
  }

  private async ask<T>(
    query: (session: LockSession) => Promise<T>,
    opening = this.sessions.openShared(),
  ): Promise<T> {
    const session = await opening;
    try {
      return await query(session);
    } catch (error) {
      // The error that announces the end of a connection may be read before the end.
      if (session.end === undefined) await session.confirm().catch(() => undefined);
      throw session.end === undefined ? error : connectionError(session.end, undefined, 'No result');
    }
  }
}
