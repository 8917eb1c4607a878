import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AdvisoryLock,
  describeNames,
  LockConnectionError,
  type LockName,
  type LockRuntime,
  LockShutdownError,
  runOutside,
} from '../../core/index.js';
import { pollMsOf } from '../schedule/poll-ms.js';
import type { JobOutage } from './job-outage.js';

/** An interval that counts from the end of a run. */
export interface DelayedJob {
  /** Of the job's lock. */
  readonly name: LockName;
  readonly methodName: string;
  /** How long after the end of a run the next one starts, in milliseconds. */
  readonly delayMs: number;
}

interface Turn {
  lock: AdvisoryLock | undefined;
  /** When the next run starts, by `performance.now()`. */
  dueAt: number;
  /** Whether a firing of the timer is in here. */
  isBusy: boolean;
}

/**
 * Which instance runs the intervals that count from the end of a run: the one that has the turn, a lock that
 * it keeps from run to run. It knows when the last run ended. An instance that takes over does not, and waits
 * for a whole delay first; so no run starts sooner than that after the end of another one, wherever in the
 * fleet that was.
 */
export class Turns {
  private readonly turns = new Map<string, Turn>();

  constructor(
    private readonly engine: LockRuntime,
    private readonly outage: JobOutage,
  ) {
    engine.closeSignal.addEventListener('abort', () => {
      // One that is busy leaves at its end: until then no other instance may count.
      for (const turn of this.turns.values()) if (!turn.isBusy) void turn.lock?.release();
    });
  }

  /** Call it for each firing of the timer: runs the job when this instance has the turn, and it is due. */
  async whenDue(job: DelayedJob, run: () => Promise<unknown>): Promise<unknown> {
    const name = `${describeNames(job.name)}@turn:${job.methodName}`;
    const turn = this.turnOf(name);
    if (turn.isBusy || this.engine.isClosed) return undefined;
    turn.isBusy = true;
    try {
      const lock = await this.held(turn, name, job);
      if (lock === undefined || !(await this.comes(turn, lock, job.delayMs))) return undefined;
      try {
        return await run();
      } finally {
        turn.dueAt = performance.now() + job.delayMs;
      }
    } finally {
      turn.isBusy = false;
      if (this.engine.closeSignal.aborted) await turn.lock?.release();
    }
  }

  private turnOf(name: string): Turn {
    let turn = this.turns.get(name);
    if (turn === undefined)
      this.turns.set(name, (turn = { lock: undefined, dueAt: Infinity, isBusy: false }));
    return turn;
  }

  private async held(turn: Turn, name: string, job: DelayedJob): Promise<AdvisoryLock | undefined> {
    if (turn.lock?.isHeld === true) return turn.lock;
    try {
      turn.lock = await runOutside(() => this.engine.locks.tryAcquire(name));
    } catch (error) {
      if (error instanceof LockConnectionError) this.outage.leaveOut(describeNames(job.name), error);
      else if (!(error instanceof LockShutdownError)) throw error;
      return undefined;
    }
    turn.dueAt = performance.now() + job.delayMs;
    return turn.lock;
  }

  /** Whether the job is due before the next firing of the timer. Waits until it is. */
  private async comes(turn: Turn, lock: AdvisoryLock, delayMs: number): Promise<boolean> {
    const waitMs = turn.dueAt - performance.now();
    if (waitMs > pollMsOf(delayMs)) return false;
    const signal = AbortSignal.any([lock.signal, this.engine.closeSignal]);
    // Timers may fire up to a millisecond early.
    await sleep(Math.max(0, Math.ceil(waitMs) + 1), undefined, { signal }).catch(() => undefined);
    return lock.isHeld && !this.engine.isClosed;
  }
}
