import { formatCount } from '../table.js';
import { type Growth, fasterThanLinear, type MeasuredCell } from './figures.js';

const HEAD = [
  'instances',
  'jobs',
  'keys',
  'CPU of the server',
  'CPU of an instance',
  'statements/s',
  'bytes/s',
  'turns/s',
];

/** The table of docs/benchmarks.md, and below it what grows faster than the fleet. */
export function toMarkdown(cells: readonly MeasuredCell[]): string {
  return [
    rowOf(HEAD),
    `|${'---|'.repeat(HEAD.length)}`,
    ...cells.map((cell) => rowOf(cellsOf(cell))),
    '',
    ...growthLines(fasterThanLinear(cells)),
  ].join('\n');
}

function cellsOf({ instances, jobs, load, figures }: MeasuredCell): string[] {
  return [
    String(instances),
    String(jobs),
    load,
    percent(figures.serverCpu),
    percent(figures.instanceCpu),
    figures.statements < 10 ? figures.statements.toFixed(1) : formatCount(figures.statements),
    formatCount(figures.bytes),
    load === 'hot' ? formatCount(figures.turns) : '–',
  ];
}

function growthLines(found: readonly Growth[]): string[] {
  if (found.length === 0) return ['Nothing grows faster than the number of instances.'];
  const lines = found.map(
    ({ title, from, to, exponent }) =>
      `- ${title}, ${from.jobs} jobs, ${from.load}, from ${from.instances} to ${to.instances} instances: ` +
      `n^${exponent.toFixed(1)}`,
  );
  return ['Faster than the number of instances *n* grow:', '', ...lines];
}

/** Of one core. */
function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 2 : 0)} %`;
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
