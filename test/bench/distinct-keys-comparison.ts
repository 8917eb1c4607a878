import { DISTINCT_KEYS_RIVALS, THIS_LIBRARY } from './contender.js';
import { runRounds } from './distinct-keys-rounds.js';
import { printDistinctKeys } from './distinct-keys-table.js';
import type { DistinctKeysLoad, LockCost } from './distinct-keys.js';
import { RunningContender } from './running-contender.js';
import type { Servers } from './servers.js';

const levels = [1, 10, 100, 1000];

export async function compareDistinctKeys(servers: Servers, isQuick: boolean): Promise<void> {
  const plan = isQuick ? { levels, rounds: 3, durationMs: 150 } : { levels, rounds: 9, durationMs: 500 };
  const rivals = servers.able(DISTINCT_KEYS_RIVALS);
  await RunningContender.use<DistinctKeysLoad, LockCost>(
    'distinct-keys',
    [THIS_LIBRARY, ...rivals],
    servers,
    async (contenders) => {
      printDistinctKeys(await runRounds(contenders, plan), rivals, plan);
    },
  );
}
