import { type ContenderInfo, LEASE_RIVALS, LEASES } from './contender.js';
import { type Medians, type Plan, runRounds } from './distinct-keys-rounds.js';
import type { DistinctKeysLoad, LockCost } from './distinct-keys.js';
import { RunningContender } from './running-contender.js';
import type { Servers } from './servers.js';
import { formatCount, formatRatio, printRow } from './table.js';

/** As many as an application has documents that are edited now and then. */
const NAMES = 10_000;

export async function compareLeases(servers: Servers, isQuick: boolean): Promise<void> {
  const [rounds, durationMs] = isQuick ? [3, 300] : [9, 1_000];
  const levels = isQuick ? [100] : [1, 100, 1_000];
  const rivals = servers.able(LEASE_RIVALS);
  const infos = [...LEASES, ...rivals];
  await RunningContender.use<DistinctKeysLoad, LockCost>('leases', infos, servers, async (contenders) => {
    for (const [what, names] of [[`${NAMES} names`, NAMES] as const, ['new names'] as const]) {
      const plan = { levels, rounds, durationMs, ...(names !== undefined && { names }) };
      printLeases(what, await runRounds(contenders, plan), rivals, plan);
    }
  });
}

function printLeases(
  what: string,
  medians: Medians,
  rivals: ContenderInfo[],
  { levels, rounds, durationMs }: Plan,
): void {
  console.log(`\nlease + release of ${what}, leases/s, medians of ${rounds} rounds of ${durationMs} ms`);
  printRow(
    '',
    levels.map((level) => `${level} at once`),
  );
  for (const { title } of [...LEASES, ...rivals])
    printRow(title, (medians.get(title) ?? []).map(formatCount));
  for (const lease of LEASES) {
    console.log(`\nhow many times as fast "${lease.title}" is as`);
    for (const { title } of rivals) {
      const ratios = levels.map((_, level) => {
        const [own, other] = [medians.get(lease.title)?.[level], medians.get(title)?.[level]];
        return own === undefined || !other ? undefined : own / other;
      });
      printRow(title, ratios.map(formatRatio));
    }
  }
}
