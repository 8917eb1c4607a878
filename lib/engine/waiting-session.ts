import type { LockConnection } from './lock-connection.js';
import type { LockKey } from './lock-key.js';
import type { LockMode } from './lock-mode.js';
import { LockSession } from './lock-session.js';
import { BACKEND_PID, UNLOCK_ALL, waitScript, WATCH_CLIENT } from './lock-statements.js';

/**
 * A session that waits for one key in Postgres' own queue, and then holds it. It holds nothing else: who waits on the session of
 * all other locks would keep them from being released.
 */
export class WaitingSession {
  private constructor(
    private readonly connection: LockConnection,
    /** Where the lock is given back that was waited for. */
    readonly session: LockSession,
    /** By which another session can end the wait. */
    readonly backendPid: string,
  ) {}

  static async on(
    connection: LockConnection,
    onEnd: (session: LockSession, cause: Error) => void,
  ): Promise<WaitingSession> {
    const [backendPid] = await connection.query(BACKEND_PID);
    // An operating system that cannot tell refuses the setting; then a dead waiter stays until its socket is found closed.
    await connection.query(WATCH_CLIENT).catch(() => undefined);
    return new WaitingSession(connection, new LockSession(connection, onEnd), backendPid ?? '');
  }

  /**
   * Waits until the key is granted, and answers true, or until the time is over or the wait is cancelled, and answers false: it
   * is certain then that the key is not held. Rejects when the session is over or in doubt.
   */
  async wait(key: LockKey, mode: LockMode, timeoutMs: number): Promise<boolean> {
    try {
      await this.connection.run(waitScript(key, mode, timeoutMs));
      return true;
    } catch (error) {
      if (!isEndOfWait(error)) throw error;
      // The lock may have been granted in the last moment all the same (madelson/DistributedLock#147).
      await this.connection.query(UNLOCK_ALL);
      return false;
    }
  }

  /** Ends the session; a lock it holds or waits for is free then. */
  destroy(): void {
    this.connection.destroy();
  }

  async close(): Promise<void> {
    await this.session.close();
  }
}

/** 55P03 lock_not_available, by lock_timeout; 57014 query_canceled: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isEndOfWait(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === '55P03' || code === '57014';
}
