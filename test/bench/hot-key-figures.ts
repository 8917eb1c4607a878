import type { Turn } from './turn-recorder.js';
import { quantile } from './quantile.js';

export interface HotKeyFigures {
  /** From one caller to another one. */
  handOversPerSecond: number;
  medianMs: number;
  p99Ms: number;
  worstMs: number;
  /** To Postgres, of the process that had the most; 0 for libraries that need none. */
  connections: number;
}

/** Throws when two turns overlap: then nothing was locked, and there is nothing to compare. */
export function figuresOf(turns: Turn[], durationMs: number, connections: number): HotKeyFigures {
  turns.sort((a, b) => a.grantedAt - b.grantedAt);
  for (const [index, turn] of turns.entries()) {
    const before = turns[index - 1];
    if (before !== undefined && before.releasedAt > turn.grantedAt)
      throw new Error('two held the lock at once');
  }
  // What is granted later does not count: by then some processes are ready, and
  // the others have the lock to themselves.
  const end = earliest(turns) + durationMs;
  const handOvers = turns.filter(
    ({ caller, grantedAt }, index) => grantedAt <= end && caller !== turns[index - 1]?.caller,
  ).length;
  const waits = turns.map(({ askedAt, grantedAt }) => grantedAt - askedAt);
  return {
    handOversPerSecond: handOvers / (durationMs / 1000),
    medianMs: quantile(waits) ?? Number.NaN,
    p99Ms: quantile(waits, 0.99) ?? Number.NaN,
    worstMs: waits.reduce((worst, wait) => Math.max(worst, wait), 0),
    connections,
  };
}

/** The median of each figure, and the worst of the worst. */
export function summaryOf(rounds: HotKeyFigures[]): HotKeyFigures {
  const median = (figure: keyof HotKeyFigures) =>
    quantile(rounds.map((round) => round[figure])) ?? Number.NaN;
  const most = (figure: keyof HotKeyFigures) => Math.max(...rounds.map((round) => round[figure]));
  return {
    handOversPerSecond: median('handOversPerSecond'),
    medianMs: median('medianMs'),
    p99Ms: median('p99Ms'),
    worstMs: most('worstMs'),
    connections: most('connections'),
  };
}

function earliest(turns: Turn[]): number {
  return turns.reduce((first, { askedAt }) => Math.min(first, askedAt), Infinity);
}
