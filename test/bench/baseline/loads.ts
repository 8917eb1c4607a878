import type { DistinctKeysLoad, LockCost } from '../distinct-keys.js';
import { CROWDS, headingOf, measureCrowd } from '../hot-key-comparison.js';
import { measureInRounds } from '../rounds.js';
import { RunningContender } from '../running-contender.js';
import { type CompareBuilds, type ComparisonRow, medianRow, printComparison } from './comparison.js';

const LEVELS = [1, 10, 100, 1000];
const CPU_LEVEL = 100;

export const compareDistinctKeys: CompareBuilds = async (builds, servers, isQuick) => {
  const [rounds, durationMs] = isQuick ? [3, 150] : [9, 500];
  const rows: ComparisonRow[] = [];
  await RunningContender.use<DistinctKeysLoad, LockCost>(
    'distinct-keys',
    builds,
    servers,
    async (contenders) => {
      for (const atOnce of LEVELS) {
        const costs = await measureInRounds(contenders, rounds, (contender) =>
          contender.measure({ atOnce, durationMs }),
        );
        rows.push(medianRow(`${atOnce} at once`, '↑', costs, ({ locksPerSecond }) => locksPerSecond));
        if (atOnce !== CPU_LEVEL) continue;
        rows.push(medianRow('their CPU, µs each', '↓', costs, ({ cpuMicroseconds }) => cpuMicroseconds));
      }
    },
  );
  printComparison(
    `lock + unlock of distinct keys, locks/s, medians of ${rounds} rounds of ${durationMs} ms`,
    rows,
  );
};

export const compareHotKey: CompareBuilds = async (builds, servers, isQuick) => {
  const rounds = isQuick ? { rounds: 3, durationMs: 300 } : { rounds: 7, durationMs: 1_000 };
  for (const crowd of CROWDS) {
    for (const asksAgain of ['together', 'at once'] as const) {
      const plan = { ...rounds, asksAgain };
      const figures = await measureCrowd(servers, builds, crowd, plan);
      const samples = new Map([...figures].map(([title, summary]) => [title, [summary]]));
      printComparison(headingOf(crowd, plan), [
        medianRow('hand-overs/s', '↑', samples, ({ handOversPerSecond }) => handOversPerSecond),
        medianRow('p99 wait', '↓', samples, ({ p99Ms }) => p99Ms),
      ]);
    }
  }
};

export const compareDecorator: CompareBuilds = async (builds, servers, isQuick) => {
  const [rounds, durationMs] = isQuick ? [3, 400] : [9, 2_000];
  await RunningContender.use<DistinctKeysLoad, number>('decorator', builds, servers, async (contenders) => {
    const ratios = await measureInRounds(contenders, rounds, (contender) =>
      contender.measure({ atOnce: CPU_LEVEL, durationMs }),
    );
    printComparison(
      `CPU of a method with @WithAdvisoryLock, as a multiple of withLock by hand, ${CPU_LEVEL} at once, ` +
        `medians of ${rounds} rounds of ${durationMs} ms`,
      [medianRow('decorator ÷ by hand', '↓', ratios, (ratio) => ratio)],
    );
  });
};
