import { type ContenderInfo, THIS_LIBRARY } from './contender.js';
import type { HotKeyFigures } from './hot-key-figures.js';
import { formatCount, formatRatio, printRow } from './table.js';

/**
 * The figures first, then how many times as many hand-overs this library makes as
 * each rival, and as short its waits are.
 */
export function printHotKey(figures: Map<string, HotKeyFigures>, rivals: ContenderInfo[]): void {
  printRow('', ['hand-overs/s', 'median wait', 'p99 wait', 'worst wait', 'connections']);
  for (const [title, { handOversPerSecond, medianMs, p99Ms, worstMs, connections }] of figures) {
    const waits = [medianMs, p99Ms, worstMs].map(formatMs);
    printRow(title, [
      formatCount(handOversPerSecond),
      ...waits,
      connections === 0 ? '–' : String(connections),
    ]);
  }

  console.log('\nhow many times better this library is than');
  const own = figures.get(THIS_LIBRARY.title);
  const others = rivals.flatMap(({ title }) => figures.get(title) ?? []);
  for (const { title } of rivals) printRatios(title, own, figures.get(title));
  printRatios('the best of each column', own, {
    handOversPerSecond: Math.max(...others.map(({ handOversPerSecond }) => handOversPerSecond)),
    medianMs: Math.min(...others.map(({ medianMs }) => medianMs)),
    p99Ms: Math.min(...others.map(({ p99Ms }) => p99Ms)),
  });
}

type Compared = Pick<HotKeyFigures, 'handOversPerSecond' | 'medianMs' | 'p99Ms'>;

function printRatios(title: string, own: Compared | undefined, other: Compared | undefined): void {
  if (own === undefined || other === undefined) return;
  const ratios = [
    own.handOversPerSecond / other.handOversPerSecond,
    other.medianMs / own.medianMs,
    other.p99Ms / own.p99Ms,
  ];
  printRow(title, ratios.map(formatRatio));
}

function formatMs(ms: number): string {
  return ms.toFixed(ms < 10 ? 2 : 0);
}
