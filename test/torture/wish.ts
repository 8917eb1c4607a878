import type { HoldKind } from './hold.js';
import type { Random } from './random.js';

/** The ways to take a lock, as often as they are written here. */
const WAYS = [
  'exclusive',
  'exclusive',
  'exclusive',
  'shared',
  'shared',
  'permits',
  'permits',
  'several',
  'nested',
  'try',
  'acquire',
  'transaction',
] as const;

export type Way = (typeof WAYS)[number];

/** What a caller wants to hold, and for how long. */
export interface Wish {
  readonly way: Way;
  /** Taken together, but one inside the other for `nested`, whose order invites deadlocks. */
  readonly names: readonly [string, ...string[]];
  readonly kind: HoldKind;
  readonly permits: number;
  readonly waitMs: number;
  /** After which it aborts its wait. */
  readonly givesUpAfterMs: number | undefined;
  readonly holdMs: number;
}

/** What the callers of all workers want, taken together. */
export interface Load {
  /** How many names there are to hold alone or to share. */
  readonly orders: number;
  /** How many there are with permits. A permit has a key of its own, so these are names of their own. */
  readonly desks: number;
  /**
   * Most holds are short, so that names change hands often; this share of them, from 0
   * to 1, may last as long as the longest.
   */
  readonly longShare: number;
  readonly longestMs: number;
}

/** Twenty names, and some holds that are long enough to be lost in silence. */
export const FULL_LOAD: Load = { orders: 14, desks: 6, longShare: 0.03, longestMs: 2_400 };

export function makeWish(random: Random, load: Load): Wish {
  const way = random.pick(WAYS);
  const order = (): string => `order:${random.between(0, load.orders)}`;
  const desk = random.between(0, load.desks);
  const several = Array.from({ length: random.between(2, 5) }, order);
  const names =
    way === 'permits'
      ? [`desk:${desk}`]
      : way === 'several' || way === 'nested'
        ? [...new Set(several)]
        : [order()];
  const mayBeShared = way === 'several' || way === 'try' || way === 'transaction';
  const isShared = way === 'shared' || (mayBeShared && random.chance(0.25));
  return {
    way,
    names: names as [string, ...string[]],
    kind: way === 'permits' ? 'permit' : isShared ? 'shared' : 'exclusive',
    permits: way === 'permits' ? 2 + (desk % 3) : 1,
    waitMs:
      way === 'nested' ? 4_000 : way === 'try' || random.chance(0.2) ? 0 : random.pick([20, 300, 2_000]),
    givesUpAfterMs: way === 'acquire' || random.chance(0.1) ? random.between(5, 500) : undefined,
    holdMs: holdMs(random, load),
  };
}

function holdMs(random: Random, { longShare, longestMs }: Load): number {
  if (random.chance(longShare)) return random.between(0, longestMs);
  return random.chance(0.2) ? random.between(15, 150) : random.between(0, 15);
}
