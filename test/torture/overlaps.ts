import type { Hold } from './hold.js';

/**
 * Holds of one name that were not allowed at the same time; the last is the
 * one that should not have been granted.
 */
export type Overlap = readonly Hold[];

/** Every hold that began during others of the same name that exclude it. Holds that touch do not overlap. */
export function findOverlaps(holds: readonly Hold[]): Overlap[] {
  const overlaps: Overlap[] = [];
  for (const ofName of byName(holds).values()) {
    let running: Hold[] = [];
    for (const hold of ofName) {
      running = running.filter(({ endUs }) => endUs > hold.startUs);
      const inTheWay = running.filter((other) => excludes(other, hold));
      const allowed = hold.kind === 'permit' ? hold.permits - 1 : 0;
      if (inTheWay.length > allowed) overlaps.push([...inTheWay, hold]);
      running.push(hold);
    }
  }
  return overlaps;
}

function excludes(one: Hold, other: Hold): boolean {
  return one.kind !== 'shared' || other.kind !== 'shared';
}

/** In the order in which they began. What was rolled back never was. */
export function byName(holds: readonly Hold[]): Map<string, Hold[]> {
  const names = new Map<string, Hold[]>();
  const counted = holds.filter(({ ending }) => ending !== 'rolled back');
  for (const hold of counted.sort((one, other) => one.startUs - other.startUs)) {
    const ofName = names.get(hold.name);
    if (ofName === undefined) names.set(hold.name, [hold]);
    else ofName.push(hold);
  }
  return names;
}
