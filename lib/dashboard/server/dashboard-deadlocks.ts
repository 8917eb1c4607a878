import { describeCycle } from '../../core/index.js';
import { deadlockedCalls, findFleetDeadlock, waitsIn } from '../../fleet/fleet-deadlock.js';
import type { InstanceReport } from '../../fleet/instance-report.js';

/** How many waits are looked at. Each search goes through all of them. */
const MAX_WAITS = 200;

/**
 * The calls that wait for each other, a cycle in words each. Reports are of different moments, so a cycle may
 * be over, or never have stood.
 */
export function deadlocksOf(reports: readonly InstanceReport[]): string[] {
  const waits = waitsIn(reports).slice(0, MAX_WAITS);
  const inCycles = new Set<string>();
  return waits.flatMap(({ id }) => {
    const cycle = inCycles.has(id) ? undefined : findFleetDeadlock(id, waits);
    if (cycle === undefined) return [];
    for (const wait of cycle) inCycles.add(wait.id);
    return describeCycle(deadlockedCalls(cycle));
  });
}
