import { fileURLToPath } from 'node:url';
import type { Servers } from '../servers.js';
import { findBuild } from './build.js';
import { compareCli } from './cli.js';
import type { CompareBuilds } from './comparison.js';
import { compareColdStart, compareHeap } from './fresh-processes.js';
import { compareDecorator, compareDistinctKeys, compareHotKey } from './loads.js';

const PARTS: Readonly<Record<string, CompareBuilds>> = {
  'distinct-keys': compareDistinctKeys,
  'hot-key': compareHotKey,
  decorator: compareDecorator,
  cli: compareCli,
  'cold-start': compareColdStart,
  heap: compareHeap,
};

/** What compares the build of this checkout with another one. Throws when one of them is not there. */
export function baselineComparison(baseline: string) {
  const checkout = fileURLToPath(new URL('../../../', import.meta.url));
  const builds = [findBuild('this build', checkout), findBuild('baseline', baseline)];
  const parts = Object.entries(PARTS).map(
    ([name, compare]) =>
      [name, (servers: Servers, isQuick: boolean) => compare(builds, servers, isQuick)] as const,
  );
  const notes = [
    ...builds.map(({ description }) => description),
    'ratio: this build ÷ baseline; ↑ more is better, ↓ less is better',
  ];
  return { parts: Object.fromEntries(parts), notes };
}
