import type { ConnectionSource } from '../connection/connection-source.js';
import { LockSession } from './lock-session.js';

/**
 * Makes fencing tokens. They are transaction ids, which Postgres counts up without a table, one for each
 * request.
 *
 * @see https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
 */
export class FencingTokens {
  private opening: Promise<LockSession> | undefined;

  constructor(private readonly connections: ConnectionSource) {}

  /** A token that was made while the session was alive, and so held its locks. Rejects when it has ended. */
  async next(session: LockSession): Promise<bigint> {
    if (!session.isPooled) return session.transactionId();
    // Inside the transaction that pins the backend it would always be the same, and hold back vacuum.
    const token = await (await this.sideSession()).transactionId();
    await session.confirm();
    return token;
  }

  async close(): Promise<void> {
    const session = await this.opening?.catch(() => undefined);
    await session?.close();
  }

  private sideSession(): Promise<LockSession> {
    this.opening ??= this.open();
    return this.opening;
  }

  private async open(): Promise<LockSession> {
    const forget = (): void => {
      this.opening = undefined;
    };
    try {
      return new LockSession(await this.connections.open(), this.connections.use, forget);
    } catch (error) {
      forget();
      throw error;
    }
  }
}
