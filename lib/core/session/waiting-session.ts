import type { LockConnection } from '../connection/lock-connection.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { LockSession } from './lock-session.js';
import { SqlState, sqlStateOf } from '../sql/sqlstate.js';
import { waitScript } from '../sql/wait-script.js';

/**
 * A session that waits for one key in Postgres' own queue, and then holds it. It holds nothing else: who waits on the session of
 * all other locks would keep them from being released.
 */
export class WaitingSession {
  /** Whether it is waited on, so that silence is no sign. */
  isWaiting = false;
  private stage: 'before the queue' | 'in the queue' | 'after the queue' = 'after the queue';
  private cancelling: Promise<void> = Promise.resolve();

  constructor(
    private readonly connection: LockConnection,
    /** Where the lock is given back that was waited for. */
    readonly session: LockSession,
  ) {}

  /**
   * Waits until the key is granted, and answers true, or until the time is over or the wait is cancelled, and answers false: it
   * is certain then that the key is not held. Rejects when the session is over or in doubt.
   */
  async wait(key: LockKey, mode: LockMode, timeoutMs: number): Promise<boolean> {
    this.isWaiting = true;
    try {
      return await this.waitInQueue(key, mode, timeoutMs);
    } finally {
      this.isWaiting = false;
    }
  }

  /** Ends the wait by way of another session; it may have to be said again when the wait had not begun. Rejects when that one is over. */
  async cancel(by: LockSession): Promise<void> {
    const { backendPid } = this.connection;
    // The pooler may not have a backend for it for long.
    if (backendPid === undefined && this.stage === 'before the queue') this.destroy();
    if (backendPid === undefined || this.stage !== 'in the queue') return;
    const sent = by.cancel(backendPid);
    this.cancelling = sent.catch(() => undefined);
    await sent;
  }

  /** Ends the session; a lock it holds or waits for is free then. */
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
      const isGranted = await waitFor(connection, key, mode, timeoutMs);
      // A cancel that is still on its way would hit what comes next; through a pooler, that of others. None may set out any more.
      this.stage = 'after the queue';
      await this.cancelling;
      return isGranted;
    });
  }
}

async function waitFor(
  connection: LockConnection,
  key: LockKey,
  mode: LockMode,
  timeoutMs: number,
): Promise<boolean> {
  try {
    await connection.run(waitScript(key, mode, timeoutMs));
    return true;
  } catch (error) {
    if (isEndOfWait(error)) return false;
    throw error;
  }
}

function isEndOfWait(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === SqlState.lockNotAvailable || state === SqlState.queryCanceled;
}
