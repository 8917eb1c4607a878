import { setTimeout as sleep } from 'node:timers/promises';
import { GrowingPause } from '../connection/growing-pause.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { LockSession } from '../session/lock-session.js';
import type { QueueTurn } from '../session/queue-turns.js';
import type { WaitingSession } from '../session/waiting-session.js';
import { isSyntaxOrAccessError } from '../sql/sqlstate.js';
import type { WaitingSessions } from '../session/waiting-sessions.js';
import { TURN_MS } from '../sql/wait-script.js';
import type { WakeUps } from './wake-ups.js';

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
 *
 * For a turn it stands there on a connection of its own, and again after each release that it learns of, as
 * the key may be hot. A longer wait shares one connection with the other long waits of the process: they
 * stand in the queue one after the other, and meanwhile try again from time to time, or when the holder
 * wakes them. Where no holder can be asked for that, as through a pooler, each keeps its connection.
 */
export class QueuedAcquisition implements QueueTurn {
  /** The session that holds the key; `undefined` when the acquisition was stopped before. */
  readonly outcome: Promise<LockSession | undefined>;
  private isStopped = false;
  private waitsOn: WaitingSession | undefined;
  /** Whether it must try again without a pause. */
  private isWoken = false;
  /** Whether it has not stood in the queue of Postgres since it began, or since it learned of a release. */
  private isFresh = true;
  private hasAskedForWakeUp = false;
  private endPause: (() => void) | undefined;
  /** Whether its turn has no end, as no other wait wanted one. */
  private isAlone = false;

  constructor(
    private readonly key: LockKey,
    readonly mode: LockMode,
    private readonly sharedSession: () => Promise<LockSession>,
    private readonly waitingSessions: WaitingSessions,
    private readonly wakeUps: WakeUps,
    /** How long the caller that waits longest still waits, in milliseconds. */
    private readonly remainingMs: () => number,
    /** Called whenever another session is found to hold the key. */
    private readonly onContested: () => void,
  ) {
    this.outcome = this.compete().finally(() => {
      this.waitingSessions.turns.leave(this);
      this.wakeUps.forget(this.key.id);
    });
  }

  /** Gives up; when it resolves, the wait is over. What was granted at the last moment is in the outcome. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.endPause?.();
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
    while (!this.isStopped) {
      const shared = await this.sharedSession();
      if (await shared.tryLock(this.key, this.mode)) return shared;
      this.onContested();
      const turnMs = this.turnMs(shared);
      const waiting = turnMs === 0 ? undefined : await this.waitingSessions.take();
      if (waiting !== undefined && (await this.waitOn(waiting, turnMs))) return waiting.session;
      if (waiting === undefined) {
        this.askForWakeUp();
        await this.pause(pauses.nextMs());
        if (this.isFresh) pauses.reset();
      } else {
        this.isFresh = false;
        this.waitingSessions.turns.pass(this);
      }
    }
    return undefined;
  }

  /** How long it may stand in the queue of Postgres now, in milliseconds. */
  private turnMs(shared: LockSession): number {
    if (!this.wakeUps.isJoined || !shared.isListening) return Infinity;
    const { turns } = this.waitingSessions;
    const isNext = turns.isNext(this);
    this.isAlone = isNext && !turns.isShared;
    if (this.isAlone) return Infinity;
    return isNext || this.isFresh ? TURN_MS : 0;
  }

  private askForWakeUp(): void {
    if (this.hasAskedForWakeUp) return;
    this.hasAskedForWakeUp = true;
    this.wakeUps.ask(this.key.id, () => {
      this.hasAskedForWakeUp = false;
      this.isFresh = true;
      this.begin();
    });
  }

  /** Tries again at once. */
  begin(): void {
    this.isWoken = true;
    this.endPause?.();
  }

  /** Ends a turn that has no end. A cancel that comes too early has no effect, and the next one follows. */
  share(): void {
    if (this.isAlone && this.waitsOn !== undefined) void this.cancel(this.waitsOn);
  }

  private async waitOn(waiting: WaitingSession, turnMs: number): Promise<boolean> {
    if (this.isStopped) {
      this.waitingSessions.giveBack(waiting.session);
      return false;
    }
    this.waitsOn = waiting;
    try {
      if (await waiting.wait(this.key, this.mode, Math.min(turnMs, this.remainingMs()))) return true;
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
    if (!this.isWoken && !this.isStopped) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.endPause = resolve;
        timer = setTimeout(resolve, ms);
      });
      clearTimeout(timer);
    }
    this.endPause = undefined;
    this.isWoken = false;
  }
}
