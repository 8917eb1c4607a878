import { ConnectionCounter } from './connection-counter.js';
import { type ContenderInfo, HOT_KEY_RIVALS, THIS_LIBRARY } from './contender.js';
import { Fleet } from './fleet.js';
import type { AsksAgain } from './hot-key.js';
import type { HotKeyFigures } from './hot-key-figures.js';
import { runHotKeyRounds } from './hot-key-rounds.js';
import { printHotKey } from './hot-key-table.js';
import type { Servers } from './servers.js';

/** So many callers in each of so many processes. */
export interface Crowd {
  processes: number;
  callers: number;
}

export interface HotKeyPlan {
  rounds: number;
  durationMs: number;
  /** By default together. */
  asksAgain?: AsksAgain;
}

export const CROWDS: readonly Crowd[] = [
  { processes: 1, callers: 50 },
  { processes: 4, callers: 25 },
];

export async function compareHotKey(servers: Servers, isQuick: boolean): Promise<void> {
  const plan = isQuick ? { rounds: 2, durationMs: 300 } : { rounds: 5, durationMs: 1_000 };
  const rivals = servers.able(HOT_KEY_RIVALS);
  for (const crowd of CROWDS) {
    const figures = await measureCrowd(servers, [THIS_LIBRARY, ...rivals], crowd, plan);
    console.log(`\n${headingOf(crowd, plan)}`);
    printHotKey(figures, rivals);
  }
}

export function headingOf(
  { processes, callers }: Crowd,
  { rounds, durationMs, asksAgain = 'together' }: HotKeyPlan,
): string {
  const crowd = `${processes} ${processes === 1 ? 'process' : 'processes'} × ${callers} callers`;
  return (
    `one name for ${crowd} that ask again ${asksAgain}, ` +
    `medians of ${rounds} rounds of ${durationMs} ms, waits in ms`
  );
}

export async function measureCrowd(
  servers: Servers,
  infos: readonly ContenderInfo[],
  { processes, callers }: Crowd,
  { rounds, durationMs, asksAgain = 'together' }: HotKeyPlan,
): Promise<Map<string, HotKeyFigures>> {
  const connections = await ConnectionCounter.open(servers.url('postgres'));
  const fleets: Fleet[] = [];
  try {
    for (const info of infos) fleets.push(await Fleet.start(info, servers.url(info.server), processes));
    return await runHotKeyRounds(fleets, { callers, durationMs, asksAgain }, rounds, connections);
  } finally {
    for (const fleet of fleets) await fleet.stop();
    await connections.close();
  }
}
