import type { DistinctKeysLoad } from './distinct-keys.js';
import { quantile } from './quantile.js';
import type { RunningContender } from './running-contender.js';

export interface Plan {
  levels: number[];
  rounds: number;
  durationMs: number;
  names?: number;
}

/** Medians in locks per second by contender, one for each level; `undefined` where it cannot take part. */
export type Medians = Map<string, (number | undefined)[]>;

/** A round runs each contender once, so that other load on the machine affects all alike. */
export async function runRounds(
  contenders: RunningContender<DistinctKeysLoad, number>[],
  plan: Plan,
): Promise<Medians> {
  const medians: Medians = new Map(contenders.map(({ info }) => [info.title, []]));
  for (const atOnce of plan.levels) {
    const samples = new Map<string, number[]>(contenders.map(({ info }) => [info.title, []]));
    for (let round = 0; round <= plan.rounds; round++) {
      for (const contender of contenders) {
        if (atOnce > (contender.info.maxAtOnce ?? Infinity)) continue;
        const { durationMs, names } = plan;
        const sample = await contender.measure({ atOnce, durationMs, ...(names !== undefined && { names }) });
        const isWarmUp = round === 0;
        if (!isWarmUp) samples.get(contender.info.title)?.push(sample);
      }
    }
    for (const [title, values] of samples) medians.get(title)?.push(quantile(values));
    console.error(`measured ${atOnce} at once`);
  }
  return medians;
}
