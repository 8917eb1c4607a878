import { setTimeout as sleep } from 'node:timers/promises';
import { GrowingPause } from '../connection/growing-pause.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { LockSession } from '../session/lock-session.js';
import type { WaitingSession } from '../session/waiting-session.js';
import { isSyntaxOrAccessError } from '../sql/sqlstate.js';
import type { WaitingSessions } from '../session/waiting-sessions.js';

/** The pauses between two tries when there is no session to wait on, in milliseconds. */
const FIRST_PAUSE_MS = 10;
const MAX_PAUSE_MS = 250;

/** After how long a canceled wait that has not ended is canceled again, in milliseconds. */
const CANCEL_AGAIN_MS = 20;

/**
 * How long a backend may take to end a canceled wait before its connection is cut, in milliseconds: it may be
 * frozen.
 */
const CANCEL_WITHIN_MS = 1_000;

/**
 * One attempt of this process to get a key that other processes hold, on behalf of all its waiters. It is in
 * the queue of Postgres once, and keeps its place there while waiters join and leave.
 */
export class QueuedAcquisition {
  /** The session that holds the key; `undefined` when the acquisition was stopped before. */
  readonly outcome: Promise<LockSession | undefined>;
  private readonly stopped = new AbortController();
  private waitsOn: WaitingSession | undefined;

  constructor(
    private readonly key: LockKey,
    readonly mode: LockMode,
    private readonly sharedSession: () => Promise<LockSession>,
    private readonly waitingSessions: WaitingSessions,
    /** How long the caller that waits longest still waits, in milliseconds. */
    private readonly remainingMs: () => number,
    /** Called whenever another session is found to hold the key. */
    private readonly onContested: () => void,
  ) {
    this.outcome = this.compete();
  }

  /** Gives up; when it resolves, the wait is over. What was granted at the last moment is in the outcome. */
  async stop(): Promise<void> {
    this.stopped.abort();
    const over = this.outcome.then(
      () => undefined,
      () => undefined,
    );
    const cut = setTimeout(() => this.waitsOn?.destroy(), CANCEL_WITHIN_MS);
    // A cancel that arrives before the server has read the statement cancels nothing, so it is sent until the
    // wait is over.
    while (this.waitsOn !== undefined) {
      await this.cancel(this.waitsOn);
      await Promise.race([over, sleep(CANCEL_AGAIN_MS)]);
    }
    await over;
    clearTimeout(cut);
  }

  private async compete(): Promise<LockSession | undefined> {
    const pauses = new GrowingPause(FIRST_PAUSE_MS, MAX_PAUSE_MS);
    while (!this.stopped.signal.aborted) {
      const shared = await this.sharedSession();
      if (await shared.tryLock(this.key, this.mode)) return shared;
      this.onContested();
      const waiting = await this.waitingSessions.take();
      if (waiting !== undefined && (await this.waitOn(waiting))) return waiting.session;
      const pauseMs = pauses.nextMs();
      if (waiting === undefined) await this.pause(pauseMs);
    }
    return undefined;
  }

  private async waitOn(waiting: WaitingSession): Promise<boolean> {
    if (this.stopped.signal.aborted) {
      this.waitingSessions.giveBack(waiting.session);
      return false;
    }
    this.waitsOn = waiting;
    try {
      if (await waiting.wait(this.key, this.mode, this.remainingMs())) return true;
      this.waitingSessions.giveBack(waiting.session);
    } catch (error) {
      if (isSyntaxOrAccessError(error)) this.waitingSessions.refuse();
      // The session is over or in doubt. Another try shows whether the database can be reached at all.
      waiting.destroy();
      await this.pause(FIRST_PAUSE_MS);
    } finally {
      this.waitsOn = undefined;
    }
    return false;
  }

  private async cancel(waiting: WaitingSession): Promise<void> {
    try {
      await waiting.cancel(await this.sharedSession());
    } catch {
      waiting.destroy();
    }
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopped.signal }).catch(() => undefined);
  }
}
