import type { Result } from '../smoke/run-program.js';
import { NOT_RUN, reasonFor } from './reasons.js';
import { majorOf, type Row } from './rows.js';
import type { RowOutcome, TestResult } from './run-row.js';

/** A row, and what came of it; `undefined` when it was not run. */
export interface TriedRow {
  readonly row: Row;
  readonly outcome: RowOutcome | undefined;
}

export const BEGIN = '<!-- matrix: written by `npm run matrix -- --write` -->';
export const END = '<!-- /matrix -->';

const HEADER = [
  '| runtime | PostgreSQL | NestJS | TypeORM | smoke, ES module | smoke, CommonJS | tests |',
  '|---|---|---|---|---|---|---|',
];

/** The table in Markdown, and below it the reason of each cell that is not green. */
export function tableOf(tried: readonly TriedRow[]): string {
  const reasons: string[] = [];
  const lines = tried.map(({ row, outcome }) => {
    const marks = { row, reasons };
    const cells =
      outcome === undefined
        ? [marked(NOT_RUN, NOT_RUN, marks), '', '']
        : [smokeCell(outcome.esm, marks), smokeCell(outcome.cjs, marks), testCell(outcome.tests, marks)];
    return `| ${[...versionsOf(row, outcome), ...cells].join(' | ')} |`;
  });
  const notes = reasons.map((reason, n) => `${n + 1}. ${reason}`);
  return [...HEADER, ...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

/** The page with the table between its marks. */
export function withTable(page: string, table: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`The page must have ${BEGIN} … ${END}`);
  return `${before}${BEGIN}\n\n${table}\n\n${END}${after}`;
}

/** Whether all is green. */
export function isGreen({ esm, cjs, tests }: RowOutcome): boolean {
  return [esm, cjs].every(({ failure }) => failure === undefined) && (tests?.failures.length ?? 0) === 0;
}

function versionsOf(row: Row, outcome: RowOutcome | undefined): string[] {
  return [
    row.runtime.title,
    outcome?.server ?? majorOf(row),
    row.nest['@nestjs/common'] ?? '',
    row.typeorm['typeorm'] ?? 'none',
  ];
}

interface Marks {
  readonly row: Row;
  /** Those that cells refer to, so far. */
  readonly reasons: string[];
}

function smokeCell({ failure, passed }: Result, marks: Marks): string {
  if (failure === undefined) return 'passed';
  return marked(`failed after ${passed.at(-1) ?? 'nothing'}`, failure, marks);
}

function testCell(tests: TestResult | undefined, marks: Marks): string {
  if (tests === undefined) return 'none';
  const { passed, failed, skipped, failures } = tests;
  const text = `${passed} passed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  if (failures.length === 0) return text;
  return marked(`${text}, ${Math.max(failed, 1)} failed`, failures.join('\n'), marks);
}

/** The cell with the number of its reason. */
function marked(text: string, failure: string, { row, reasons }: Marks): string {
  const reason = reasonFor(row, failure) ?? `No reason is known: ${failure.split('\n', 1)[0] ?? ''}`;
  if (!reasons.includes(reason)) reasons.push(reason);
  return `${text} (${reasons.indexOf(reason) + 1})`;
}
