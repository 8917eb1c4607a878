import { DISTINCT_KEYS_RIVALS, THIS_LIBRARY } from './contender.js';
import { runRounds } from './distinct-keys-rounds.js';
import { printDistinctKeys } from './distinct-keys-table.js';
import type { DistinctKeysLoad } from './distinct-keys.js';
import { RunningContender } from './running-contender.js';
import type { Servers } from './servers.js';

const levels = [1, 10, 100, 1000];

export async function compareDistinctKeys(servers: Servers, isQuick: boolean): Promise<void> {
  const plan = isQuick ? { levels, rounds: 3, durationMs: 150 } : { levels, rounds: 9, durationMs: 500 };
  const rivals = servers.able(DISTINCT_KEYS_RIVALS);
  const contenders: RunningContender<DistinctKeysLoad, number>[] = [];
  try {
    for (const info of [THIS_LIBRARY, ...rivals]) {
      contenders.push(await RunningContender.start('distinct-keys', info, servers.url(info.server)));
    }
    printDistinctKeys(await runRounds(contenders, plan), rivals, plan);
  } finally {
    for (const contender of contenders) await contender.stop();
  }
}
