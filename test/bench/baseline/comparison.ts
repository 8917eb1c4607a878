import { quantile } from '../quantile.js';
import type { Servers } from '../servers.js';
import { formatCount, printRow } from '../table.js';
import type { Build } from './build.js';

/** This build first, then the baseline. */
export type CompareBuilds = (builds: readonly Build[], servers: Servers, isQuick: boolean) => Promise<void>;

/** Whether more or less of it is better. */
export type Better = '↑' | '↓';

export interface ComparisonRow {
  readonly title: string;
  readonly better: Better;
  readonly thisBuild: number;
  readonly baseline: number;
}

/** The medians of a figure; the samples are those of this build and of the baseline, in this order. */
export function medianRow<Sample>(
  title: string,
  better: Better,
  samples: ReadonlyMap<unknown, readonly Sample[]>,
  figure: (sample: Sample) => number,
): ComparisonRow {
  const [thisBuild = Number.NaN, baseline = Number.NaN] = [...samples.values()].map((each) =>
    quantile(each.map(figure)),
  );
  return { title, better, thisBuild, baseline };
}

export function printComparison(heading: string, rows: readonly ComparisonRow[]): void {
  console.log(`\n${heading}`);
  printRow('', ['this build', 'baseline', 'ratio']);
  for (const row of rows) printRow(`${row.better} ${row.title}`, cellsOf(row));
}

export function cellsOf({ thisBuild, baseline }: ComparisonRow): string[] {
  return [formatFigure(thisBuild), formatFigure(baseline), (thisBuild / baseline).toFixed(2)];
}

function formatFigure(figure: number): string {
  return figure < 100 ? figure.toPrecision(3) : formatCount(figure);
}
