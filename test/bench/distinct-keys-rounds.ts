import type { DistinctKeysLoad, LockCost } from './distinct-keys.js';
import { quantile } from './quantile.js';
import { measureInRounds } from './rounds.js';
import type { RunningContender } from './running-contender.js';

export interface Plan {
  levels: number[];
  rounds: number;
  durationMs: number;
  names?: number;
}

/** Medians in locks per second by contender, one for each level; `undefined` where it cannot take part. */
export type Medians = Map<string, (number | undefined)[]>;

export async function runRounds(
  contenders: RunningContender<DistinctKeysLoad, LockCost>[],
  plan: Plan,
): Promise<Medians> {
  const medians: Medians = new Map(contenders.map(({ info }) => [info.title, []]));
  for (const atOnce of plan.levels) {
    const { durationMs, names } = plan;
    const load = { atOnce, durationMs, ...(names !== undefined && { names }) };
    const able = contenders.filter(({ info }) => atOnce <= (info.maxAtOnce ?? Infinity));
    const costs = await measureInRounds(able, plan.rounds, (contender) => contender.measure(load));
    for (const contender of contenders) {
      const rates = (costs.get(contender) ?? []).map(({ locksPerSecond }) => locksPerSecond);
      medians.get(contender.info.title)?.push(quantile(rates));
    }
    console.error(`measured ${atOnce} at once`);
  }
  return medians;
}
