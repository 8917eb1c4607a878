import { expect, it } from '@jest/globals';
import { findDeadlock, type WaitDependencies } from '../../lib/core/index.js';
import { Random } from '../torture/random.js';

/** A million with `DEADLOCK_WAITS=1000000`, which takes some seconds. */
const WAITS = Number(process.env.DEADLOCK_WAITS ?? 100_000);
const MAX_WAITS_AT_ONCE = 20;

/** Sets of waits are bits of a number: the oracle shares no code and no data structure with the search. */
type Waits = number;

interface ModelWait {
  /** For each holder in its way, the waits that this holder cannot go on without. */
  readonly holders: readonly Waits[];
  /** A wait for one of several permits. */
  readonly isOneEnough: boolean;
}

/** Calls that wait for locks whose holders wait too, or not. */
function randomWaits(random: Random): ModelWait[] {
  const count = random.between(2, MAX_WAITS_AT_ONCE + 1);
  const idleShare = random.pick([0.1, 0.4, 0.7]);
  const holder = (): Waits => {
    if (random.chance(idleShare)) return 0;
    const first = 1 << random.between(0, count);
    return random.chance(0.15) ? first | (1 << random.between(0, count)) : first;
  };
  return Array.from({ length: count }, () => {
    const isOneEnough = random.chance(0.3);
    const length = isOneEnough || random.chance(0.2) ? random.between(0, 4) : 1;
    return { holders: Array.from({ length }, holder), isOneEnough };
  });
}

/** Lets every call go on that can, until none can: what is left is stuck. */
function runToTheEnd(waits: readonly ModelWait[]): Waits {
  let over: Waits = 0;
  for (let before: Waits = -1; before !== over;) {
    before = over;
    waits.forEach(({ holders, isOneEnough }, wait) => {
      const gone = holders.filter((inside) => (inside & ~over) === 0).length;
      if (gone === holders.length || (isOneEnough && gone > 0)) over |= 1 << wait;
    });
  }
  return ~over & ((1 << waits.length) - 1);
}

/** The waits that lead back to themselves through waits that are stuck. */
function onCycles(waits: readonly ModelWait[], stuck: Waits): Waits {
  const reached = waits.map(({ holders }, wait) =>
    stuck & (1 << wait) ? holders.reduce((all, inside) => all | inside, 0) & stuck : 0,
  );
  reached.forEach((_, between) => {
    reached.forEach((from, wait) => {
      if (from & (1 << between)) reached[wait] = from | (reached[between] ?? 0);
    });
  });
  return reached.reduce((all, from, wait) => all | (from & (1 << wait)), 0);
}

const membersOf = (waits: Waits): number[] =>
  Array.from({ length: 32 - Math.clz32(waits) }, (_, wait) => wait).filter((wait) => waits & (1 << wait));

it('finds each deadlock of many random waits, and no other', () => {
  const random = new Random(15, 0);
  let checked = 0;
  let deadlocked = 0;
  while (checked < WAITS) {
    const waits = randomWaits(random);
    const dependencies = waits.map(({ holders, isOneEnough }): WaitDependencies<number> => ({
      holders: holders.map(membersOf),
      isOneEnough,
    }));
    const stuck = runToTheEnd(waits);
    const expected = onCycles(waits, stuck);
    let found: Waits = 0;
    for (const wait of waits.keys()) {
      const cycle = findDeadlock(wait, (of) => dependencies[of] as WaitDependencies<number>);
      if (cycle === undefined) continue;
      found |= 1 << wait;
      // A real way through the waits, from this one back to it.
      const isReal = cycle.every((of, at) => {
        const next = cycle[(at + 1) % cycle.length] as number;
        return stuck & (1 << of) && waits[of]?.holders.some((inside) => inside & (1 << next));
      });
      if (cycle[0] !== wait || !isReal) throw new Error(`no cycle of ${wait}: ${cycle.join(' ')}`);
    }
    // An expectation costs more than a search.
    if (found !== expected) throw new Error(`found ${found}, not ${expected}, in ${JSON.stringify(waits)}`);
    if (stuck !== 0 && found === 0) throw new Error(`no call can end the deadlock ${JSON.stringify(waits)}`);
    checked += waits.length;
    deadlocked += membersOf(found).length;
  }
  // Deadlocks are common enough to be missed, and rare enough to be seen where there are none.
  expect(deadlocked / checked).toBeGreaterThan(0.05);
  expect(deadlocked / checked).toBeLessThan(0.6);
});
