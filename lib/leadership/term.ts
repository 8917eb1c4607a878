import { once } from 'node:events';
import { type AdvisoryLock, type LockLostError, runInside } from '../core/index.js';
import type { LeadershipBody } from './leadership-body.js';

/** One term of a leader, until its lock is lost, its body fails or it is ended. */
export class Term {
  private readonly ending = new AbortController();

  constructor(
    private readonly lock: AdvisoryLock,
    /** What it is, as messages say it. */
    private readonly what = `the leadership of "${lock.name}"`,
  ) {
    const onLost = (): void => {
      this.end(lock.lost);
    };
    lock.signal.addEventListener('abort', onLost, { once: true });
    if (lock.signal.aborted) onLost();
  }

  get isLeading(): boolean {
    return this.lock.isHeld && !this.ending.signal.aborted;
  }

  /** The error, when it ended because its lock was lost. */
  get lost(): LockLostError | undefined {
    return this.lock.lost;
  }

  end(reason: unknown): void {
    this.ending.abort(reason);
  }

  /**
   * Runs the body, and waits for the end of the term and of the body, whichever is later. Resolves to what
   * the body threw.
   */
  async serve(body: LeadershipBody): Promise<readonly unknown[]> {
    const { signal } = this.ending;
    const ended = whenAborted(signal);
    const failures: unknown[] = [];
    // A term is no critical section: what its body starts may take its lock.
    const info = { place: this.what, reentry: 'join' } as const;
    await runInside(this.lock, async () => body(signal), info).catch((error: unknown) => {
      if (!isEcho(error, signal)) failures.push(error);
      this.end(error);
    });
    await ended;
    return failures;
  }
}

/** Resolves when the signal aborts. */
export async function whenAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/**
 * Whether the signal caused the error: it is the reason of the signal, or the AbortError of Node's own
 * functions.
 */
export function isEcho(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error as Partial<Error> | undefined)?.name === 'AbortError';
}
