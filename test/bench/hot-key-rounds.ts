import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionCounter } from './connection-counter.js';
import type { Fleet } from './fleet.js';
import { figuresOf, type HotKeyFigures, summaryOf } from './hot-key-figures.js';
import type { HotKeyLoad } from './hot-key.js';
import { measureInRounds } from './rounds.js';

/** In its first second, not compiled yet, a process makes a third of the hand-overs of its sixth. */
const WARM_UPS = 5;

export async function runHotKeyRounds(
  fleets: Fleet[],
  load: HotKeyLoad,
  rounds: number,
  connections: ConnectionCounter,
): Promise<Map<string, HotKeyFigures>> {
  const sample = (fleet: Fleet): Promise<HotKeyFigures> => measure(fleet, load, connections);
  const samples = await measureInRounds(fleets, rounds, sample, WARM_UPS);
  return new Map([...samples].map(([{ info }, figures]) => [info.title, summaryOf(figures)]));
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
