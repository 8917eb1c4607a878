import { ConnectionCounter } from './connection-counter.js';
import { HOT_KEY_RIVALS, THIS_LIBRARY } from './contender.js';
import { Fleet } from './fleet.js';
import { runHotKeyRounds } from './hot-key-rounds.js';
import { printHotKey } from './hot-key-table.js';
import type { Servers } from './servers.js';

/** So many callers in each of so many processes. */
interface Crowd {
  processes: number;
  callers: number;
}

const CROWDS: Crowd[] = [
  { processes: 1, callers: 50 },
  { processes: 4, callers: 25 },
];

export async function compareHotKey(servers: Servers, isQuick: boolean): Promise<void> {
  for (const crowd of CROWDS) await compareCrowd(servers, crowd, isQuick);
}

async function compareCrowd(
  servers: Servers,
  { processes, callers }: Crowd,
  isQuick: boolean,
): Promise<void> {
  const [rounds, durationMs] = isQuick ? [2, 300] : [5, 1_000];
  const rivals = servers.able(HOT_KEY_RIVALS);
  const connections = await ConnectionCounter.open(servers.url('postgres'));
  const fleets: Fleet[] = [];
  try {
    for (const info of [THIS_LIBRARY, ...rivals]) {
      fleets.push(await Fleet.start(info, servers.url(info.server), processes));
    }
    const figures = await runHotKeyRounds(fleets, { callers, durationMs }, rounds, connections);
    const crowd = `${processes} ${processes === 1 ? 'process' : 'processes'} × ${callers} callers`;
    console.log(`\none name for ${crowd}, medians of ${rounds} rounds of ${durationMs} ms, waits in ms`);
    printHotKey(figures, rivals);
  } finally {
    for (const fleet of fleets) await fleet.stop();
    await connections.close();
  }
}
