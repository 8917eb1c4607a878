import type { Hold } from './hold.js';
import { findOverlaps, type Overlap } from './overlaps.js';
import { type Blackout, endWithServer, type FreedHold, type SessionsEnded } from './server-freed.js';
import { checkTokens, type TokenCheck } from './tokens.js';

/** What happened to the workers, as the checker must know it. */
export interface Circumstances {
  readonly endings: readonly SessionsEnded[];
  readonly blackouts: readonly Blackout[];
}

export interface Verdict {
  readonly holds: readonly Hold[];
  /** Holders that exclude each other, at the same time. */
  readonly overlaps: readonly Overlap[];
  readonly tokens: TokenCheck;
  /** Locks that the server freed before their holders could know. */
  readonly freed: readonly FreedHold[];
  /** Those of them whose holders went on for too long. */
  readonly noticedLate: readonly FreedHold[];
  /** How many of them overlapped with the next holder, which is what fencing tokens are for. */
  readonly freedOverlaps: number;
  /** The longest time without a grant, in milliseconds. */
  readonly longestGapMs: number;
}

/** The end of a session travels within milliseconds; a busy machine may take a while to read of it. */
const MAX_UNAWARE_US = 1_000_000;

export function judge(holds: readonly Hold[], { endings, blackouts }: Circumstances): Verdict {
  const believed = endWithServer(holds, endings, blackouts);
  const overlaps = findOverlaps(believed.holds);
  return {
    holds,
    overlaps,
    tokens: checkTokens(holds),
    freed: believed.freed,
    noticedLate: believed.freed.filter(({ unawareUs }) => unawareUs > MAX_UNAWARE_US),
    freedOverlaps: findOverlaps(holds).length - overlaps.length,
    longestGapMs: longestGapMs(holds),
  };
}

function longestGapMs(holds: readonly Hold[]): number {
  const starts = holds.map(({ startUs }) => startUs).sort((one, other) => one - other);
  let longestUs = 0;
  for (const [index, startUs] of starts.entries()) {
    longestUs = Math.max(longestUs, startUs - (starts[index - 1] ?? startUs));
  }
  return longestUs / 1_000;
}
