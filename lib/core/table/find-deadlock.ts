/** What a wait depends on. */
export interface WaitDependencies<W> {
  /**
   * The holders in its way, each as the waits that it cannot go on without. A holder without any goes on by
   * itself.
   */
  readonly holders: readonly (readonly W[])[];
  /** Whether it is enough that one of the holders goes on, as with permits; otherwise all of them must. */
  readonly isOneEnough: boolean;
}

/**
 * Finds the deadlock that a wait is part of: a shortest cycle, which begins with that wait; each of its waits
 * is in the way of the one before it. Returns `undefined` when the wait can end, and when it only stands
 * before a deadlock of others.
 *
 * A wait for one of several holders, as for a permit, can end as long as one of them can go on. So this
 * removes what can end until nothing more can, and searches for the cycle in the rest.
 */
export function findDeadlock<W>(
  start: W,
  dependenciesOf: (wait: W) => WaitDependencies<W>,
): readonly W[] | undefined {
  const stuck = reachable(start, dependenciesOf);
  let isSettled = false;
  while (!isSettled && stuck.has(start)) {
    isSettled = true;
    for (const [wait, { holders, isOneEnough }] of stuck) {
      const isStuck = (holder: readonly W[]): boolean => holder.some((blocker) => stuck.has(blocker));
      if (isOneEnough ? holders.length > 0 && holders.every(isStuck) : holders.some(isStuck)) continue;
      stuck.delete(wait);
      isSettled = false;
    }
  }
  return stuck.has(start) ? shortestCycle(start, stuck) : undefined;
}

function reachable<W>(
  start: W,
  dependenciesOf: (wait: W) => WaitDependencies<W>,
): Map<W, WaitDependencies<W>> {
  const found = new Map<W, WaitDependencies<W>>();
  const next = [start];
  for (let wait = next.pop(); wait !== undefined; wait = next.pop()) {
    if (found.has(wait)) continue;
    const dependencies = dependenciesOf(wait);
    found.set(wait, dependencies);
    for (const holder of dependencies.holders) next.push(...holder);
  }
  return found;
}

function shortestCycle<W>(start: W, stuck: ReadonlyMap<W, WaitDependencies<W>>): readonly W[] | undefined {
  const cameFrom = new Map<W, W>();
  const next = [start];
  for (const wait of next) {
    for (const blocker of stuck.get(wait)?.holders.flat() ?? []) {
      if (blocker === start) return pathTo(wait, start, cameFrom);
      if (!stuck.has(blocker) || cameFrom.has(blocker)) continue;
      cameFrom.set(blocker, wait);
      next.push(blocker);
    }
  }
  return undefined;
}

function pathTo<W>(end: W, start: W, cameFrom: ReadonlyMap<W, W>): readonly W[] {
  const path = [end];
  for (let wait = end; wait !== start;) {
    wait = cameFrom.get(wait) as W;
    path.unshift(wait);
  }
  return path;
}
