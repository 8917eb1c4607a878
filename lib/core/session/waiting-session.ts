import type { Connection } from '../connection/connection-source.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { LockSession } from './lock-session.js';
import { SqlState, sqlStateOf } from '../sql/sqlstate.js';
import { IS_GRANTED, turnScript, waitScript } from '../sql/wait-script.js';

/**
 * A session that waits for one key in the queue of Postgres, and then holds it. It holds nothing else: a wait
 * on the session of all other locks would keep them from being released.
 */
export class WaitingSession {
  /** Whether a wait is on its way, so that silence has no meaning. */
  isWaiting = false;
  private stage: 'before the queue' | 'in the queue' | 'after the queue' = 'after the queue';
  private cancelling: Promise<void> = Promise.resolve();

  constructor(
    private readonly connection: Connection,
    /** The session that holds the key after the wait, and gives it back. */
    readonly session: LockSession,
  ) {}

  /**
   * Waits for the key. Resolves to true when the key is granted, and to false when the time is over, the
   * wait is canceled or, through a pooler, a turn is over: then it is certain that the key is not held.
   * Rejects when the session is over or in doubt.
   */
  async wait(key: LockKey, mode: LockMode, timeoutMs: number): Promise<boolean> {
    this.isWaiting = true;
    try {
      return await this.waitInQueue(key, mode, timeoutMs);
    } finally {
      this.isWaiting = false;
    }
  }

  /**
   * Ends the wait by means of another session. A cancel before the wait has begun has no effect, so it may
   * take several. Rejects when the other session is over.
   */
  async cancel(by: LockSession): Promise<void> {
    const { backendPid } = this.connection;
    // It may take long until the pooler has a backend for it.
    if (backendPid === undefined && this.stage === 'before the queue') this.destroy();
    if (backendPid === undefined || this.stage !== 'in the queue') return;
    const sent = by.cancel(backendPid);
    this.cancelling = sent.catch(() => undefined);
    await sent;
  }

  /** Ends the session, and with it the wait. A lock that it holds becomes free. */
  destroy(): void {
    this.connection.destroy();
  }

  async close(): Promise<void> {
    await this.session.close();
  }

  private waitInQueue(key: LockKey, mode: LockMode, timeoutMs: number): Promise<boolean> {
    this.stage = 'before the queue';
    return this.session.withoutSilenceTimeout(async (connection) => {
      this.stage = 'in the queue';
      const script = connection.isPooled ? turnScript : waitScript;
      const results = await unlessCanceled(connection.queryAfter(script(key, mode, timeoutMs), IS_GRANTED));
      // A cancel that is still on its way would hit the next statement; through a pooler, that of another
      // client. From here on none is sent.
      this.stage = 'after the queue';
      await this.cancelling;
      const [isGranted] = results ?? (await connection.query(IS_GRANTED));
      return isGranted === 'y';
    });
  }
}

/** A cancel between two turns, or in the moment after the last one, is not caught in the server. */
async function unlessCanceled<T>(waiting: Promise<T>): Promise<T | undefined> {
  try {
    return await waiting;
  } catch (error) {
    if (sqlStateOf(error) !== SqlState.queryCanceled) throw error;
    return undefined;
  }
}
