import { countByKind, type MadeFault } from './fault-maker.js';
import type { Fault } from './fault-plan.js';
import { describeHold, type Hold, timeOf } from './hold.js';
import type { Progress, TortureResult } from './run-torture.js';

export function progressLine(elapsedMs: number, { faults, counts }: Progress): string {
  const seconds = String(Math.round(elapsedMs / 1_000)).padStart(4);
  return `${seconds} s  ${faults} faults, ${counts.get('lost') ?? 0} losses noticed, ${[...counts]
    .filter(([what]) => what !== 'lost')
    .map(([what, count]) => `${count} × ${what}`)
    .join(', ')}`;
}

/** The figures of a run, a line each. */
export function table(result: TortureResult): string {
  const { holds, made, counts, freed, noticedLate, tokens, overlaps } = result;
  const longestUnawareMs = Math.max(0, ...freed.map(({ unawareUs }) => unawareUs)) / 1_000;
  return [
    ...section(
      'holds',
      count(holds, ({ way }) => way),
    ),
    ...section(
      'how they ended',
      count(holds, ({ ending }) => ending),
    ),
    ...section('faults', countByKind(made)),
    ...section('callers', counts),
    ...section(
      'found',
      new Map<string, number | string>([
        ['overlaps', overlaps.length],
        ['tokens compared', tokens.checked],
        ['tokens that did not grow', tokens.violations.length],
        ['locks freed under their holder by a fault', freed.length],
        ['  and taken by others before', result.freedOverlaps],
        ['  longest till noticed', `${longestUnawareMs.toFixed(0)} ms`],
        ['  noticed too late', noticedLate.length],
        ['longest time without a grant', `${result.longestGapMs.toFixed(0)} ms`],
        ['left locks and connections', result.leftovers.length],
        ['unexpected errors', result.unexpected.length],
      ]),
    ),
  ].join('\n');
}

/** What must not be, each with what it takes to look into it; empty when the run was right. */
export function violations(result: TortureResult): string[] {
  const { made } = result;
  return [
    ...result.unexpected.map((error) => `Unexpected: ${error}`),
    ...result.overlaps.map((overlap) => detailsOf('Overlap', overlap, made)),
    ...result.tokens.violations.map((pair) => detailsOf('The token does not grow', pair, made)),
    ...result.noticedLate.map(({ hold, unawareUs }) =>
      detailsOf(`Noticed ${(unawareUs / 1_000).toFixed(0)} ms late`, [hold], made),
    ),
    ...result.holds
      .filter(({ ending }) => ending === 'open')
      .map((hold) => detailsOf('Never ended', [hold], made)),
    ...result.leftovers.map((left) => `Left: ${left}`),
  ];
}

function detailsOf(what: string, holds: readonly Hold[], made: readonly MadeFault[]): string {
  // From a while before the first of them, as a fault may take its time.
  const fromUs = Math.min(...holds.map(({ startUs }) => startUs)) - 5_000_000;
  const toUs = Math.max(...holds.map(({ endUs }) => endUs));
  const faults = made
    .filter(({ fault, atUs }) => fromUs <= atUs && atUs <= toUs && concerns(fault, holds))
    .map(({ fault, atUs }) => {
      const victim = 'worker' in fault ? ` of worker ${fault.worker}` : '';
      const duration = 'durationMs' in fault && fault.durationMs > 0 ? ` for ${fault.durationMs} ms` : '';
      return `    ${timeOf(atUs)} ${fault.kind}${victim}${duration}`;
    });
  return [`${what}:`, ...holds.map((hold) => `  ${describeHold(hold)}`), '  faults:', ...faults].join('\n');
}

function concerns(fault: Fault, holds: readonly Hold[]): boolean {
  return !('worker' in fault) || holds.some(({ worker }) => worker === fault.worker);
}

function section(title: string, figures: ReadonlyMap<string, number | string>): string[] {
  const lines = [...figures].map(([what, figure]) => `  ${what.padEnd(44)}${String(figure).padStart(10)}`);
  return [title, ...lines];
}

function count<T>(items: readonly T[], groupOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(groupOf(item), (counts.get(groupOf(item)) ?? 0) + 1);
  return counts;
}
