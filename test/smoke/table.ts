import { type Result } from './run-program.js';
import { STEPS } from './steps.js';

/** A runtime, and how the program ended with each half of the package. */
export interface Row {
  readonly title: string;
  readonly esm: Result;
  readonly cjs: Result;
}

/** The results as a table in Markdown. */
export function tableOf(rows: readonly Row[]): string {
  return [
    '| runtime | ES module | CommonJS |',
    '|---|---|---|',
    ...rows.map(({ title, esm, cjs }) => `| ${title} | ${cellOf(esm)} | ${cellOf(cjs)} |`),
  ].join('\n');
}

function cellOf({ passed, failure }: Result): string {
  if (failure === undefined) return 'passed';
  const failed = STEPS.find((step) => !passed.includes(step));
  return failed === undefined ? 'did not end' : `failed: ${failed}`;
}

const BEGIN = '<!-- smoke: written by `npm run smoke -- --write` -->';
const END = '<!-- /smoke -->';

/** The page with the table between its marks. */
export function withTable(page: string, table: string): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`The page must have ${BEGIN} … ${END}`);
  return `${before}${BEGIN}\n\n${table}\n\n${END}${after}`;
}
