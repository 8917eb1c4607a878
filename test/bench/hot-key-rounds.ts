import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionCounter } from './connection-counter.js';
import type { Fleet } from './fleet.js';
import { figuresOf, type HotKeyFigures, summaryOf } from './hot-key-figures.js';
import type { HotKeyLoad } from './hot-key.js';

/** A round runs each contender once, so that other load on the machine affects all alike. */
export async function runHotKeyRounds(
  fleets: Fleet[],
  load: HotKeyLoad,
  rounds: number,
  connections: ConnectionCounter,
): Promise<Map<string, HotKeyFigures>> {
  const samples = new Map<string, HotKeyFigures[]>(fleets.map(({ info }) => [info.title, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const fleet of fleets) {
      const sample = await measure(fleet, load, connections);
      const isWarmUp = round === 0;
      if (!isWarmUp) samples.get(fleet.info.title)?.push(sample);
    }
  }
  return new Map([...samples].map(([title, figures]) => [title, summaryOf(figures)]));
}

async function measure(
  fleet: Fleet,
  load: HotKeyLoad,
  connections: ConnectionCounter,
): Promise<HotKeyFigures> {
  const inTheMiddle = sleep(load.durationMs / 2).then(() => connections.mostOf(fleet.pids));
  try {
    const [turns, most] = await Promise.all([fleet.measure(load), inTheMiddle]);
    return figuresOf(turns, load.durationMs, most);
  } catch (error) {
    throw new Error(`${fleet.info.title} failed at the hot key`, { cause: error });
  }
}
