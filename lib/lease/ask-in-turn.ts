import { GrowingPause, LockShutdownError } from '../core/index.js';
import type { Turn } from './turns.js';

/** Pauses between the questions of a waiting call whether a lease is free, in milliseconds. */
const POLL_MS = { first: 10, longest: 250 } as const;

export interface WaitInTurn {
  /** The name that errors show. */
  readonly name: string;
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Aborts when nothing is waited for any more. */
  readonly closeSignal: AbortSignal;
  readonly onWaiting?: (() => void) | undefined;
  /** Joins the line of the calls that wait for the same. */
  readonly join: () => Turn;
  /** Whether the first question waits for its turn as well; by default it comes before the call joins. */
  readonly joinsAtOnce?: boolean;
}

/**
 * Asks again and again until there is an outcome, and only while the call is the first in its line. Resolves
 * to `undefined` when the time is over; rejects with the reason of the signal, or with `LOCK_SHUTDOWN`.
 */
export async function askInTurn<T>(
  { name, waitMs, signal, closeSignal, onWaiting, join, joinsAtOnce = false }: WaitInTurn,
  ask: (deadline: number) => Promise<T | undefined>,
): Promise<T | undefined> {
  const signals = signal === undefined ? [closeSignal] : [closeSignal, signal];
  const deadline = performance.now() + waitMs;
  const pause = new GrowingPause(POLL_MS.first, POLL_MS.longest);
  let turn = joinsAtOnce ? join() : undefined;
  try {
    for (;;) {
      const outcome = turn?.isFirst === false ? undefined : await ask(deadline);
      if (outcome !== undefined) return outcome;
      turn ??= join();
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return undefined;
      onWaiting?.();
      await turn.pause(turn.isFirst ? Math.min(pause.nextMs(), leftMs) : leftMs, signals);
      if (closeSignal.aborted) throw new LockShutdownError(name);
      signal?.throwIfAborted();
    }
  } finally {
    turn?.leave();
  }
}
