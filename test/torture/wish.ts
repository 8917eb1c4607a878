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
  'try',
  'acquire',
  'transaction',
] as const;

export type Way = (typeof WAYS)[number];

/** What a caller wants to hold, and for how long. */
export interface Wish {
  readonly way: Way;
  readonly names: readonly [string, ...string[]];
  readonly kind: HoldKind;
  readonly permits: number;
  readonly waitMs: number;
  /** After which it aborts its wait. */
  readonly givesUpAfterMs: number | undefined;
  readonly holdMs: number;
}

// The twenty names. A permit has a key of its own, so permits are asked for under names of their own, and by all with one number.
const NAMES = Array.from({ length: 14 }, (_, n) => `order:${n}`) as [string, ...string[]];
const DESKS = Array.from({ length: 6 }, (_, n) => ({ name: `desk:${n}`, permits: 2 + (n % 3) })) as [
  Desk,
  ...Desk[],
];

interface Desk {
  readonly name: string;
  readonly permits: number;
}

export function makeWish(random: Random, lostAfterMs: number): Wish {
  const way = random.pick(WAYS);
  const desk = random.pick(DESKS);
  const name = random.pick(NAMES);
  const several = [
    ...new Set([name, ...Array.from({ length: random.between(1, 4) }, () => random.pick(NAMES))]),
  ];
  const names: Wish['names'] =
    way === 'permits' ? [desk.name] : way === 'several' ? (several as [string, ...string[]]) : [name];
  const mayBeShared = way === 'several' || way === 'try' || way === 'transaction';
  const isShared = way === 'shared' || (mayBeShared && random.chance(0.25));
  return {
    way,
    names,
    kind: way === 'permits' ? 'permit' : isShared ? 'shared' : 'exclusive',
    permits: way === 'permits' ? desk.permits : 1,
    waitMs: way === 'try' || random.chance(0.2) ? 0 : random.pick([20, 300, 2_000]),
    givesUpAfterMs: way === 'acquire' || random.chance(0.1) ? random.between(5, 500) : undefined,
    holdMs: holdMs(random, lostAfterMs),
  };
}

/** Most are short, so that names change hands often; some last long enough to be lost in silence. */
function holdMs(random: Random, lostAfterMs: number): number {
  const lot = random.next();
  if (lot < 0.8) return random.between(0, 15);
  if (lot < 0.97) return random.between(15, 150);
  return random.between(0, lostAfterMs * 2);
}
