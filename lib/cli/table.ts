import { printable } from '../core/index.js';

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  /**
   * The least width that the column may be cut to, in terminal columns; without it, the column is not cut.
   */
  readonly minWidth?: number;
}

const GAP = '  ';
const ELLIPSIS = '…';

const graphemes = new Intl.Segmenter();
/** Characters that terminals draw twice as wide. */
const WIDE = new RegExp(
  String.raw`[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}` +
    String.raw`\u3000-\u303F\uFF01-\uFF60]`,
  'u',
);
/** Texts as wide as they are long. Finding the graphemes of ten thousand lines takes a second. */
const PLAIN = /^[ -~¡-ʯ…≥]*$/;

/** A title and the rows, in lines no wider than `width`. The widest columns are cut first. */
export function tableOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  const lines = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ text }) => printable(text(row)))),
  ];
  const widths = columns.map((_, n) => lines.reduce((max, line) => Math.max(max, widthOf(line[n] ?? '')), 0));
  const available = width - GAP.length * (columns.length - 1);
  shrink(widths, columns, available);
  const isTooWide = sum(widths) > available;
  return lines.map((line) => {
    const cells = line.map((cell, n) => fitted(cell, widths[n] ?? 0));
    const whole = cells.join(GAP);
    return (isTooWide ? fitted(whole, width) : whole).trimEnd();
  });
}

/** Cuts the widest of the columns that may be cut, until all fit or none may be cut any more. */
function shrink(widths: number[], columns: readonly Column<never>[], available: number): void {
  let surplus = sum(widths) - available;
  for (; surplus > 0; surplus -= 1) {
    let longest = -1;
    columns.forEach(({ minWidth = Infinity }, n) => {
      const own = widths[n] ?? 0;
      if (own > minWidth && own > (widths[longest] ?? 0)) longest = n;
    });
    if (longest < 0) return;
    widths[longest] = (widths[longest] ?? 0) - 1;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** The text at exactly this width: padded, or cut. */
function fitted(text: string, width: number): string {
  const own = widthOf(text);
  if (own <= width) return text + ' '.repeat(width - own);
  let cut = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    used += widthOf(segment);
    if (used > width - 1) break;
    cut += segment;
  }
  return cut + ELLIPSIS + ' '.repeat(Math.max(0, width - 1 - widthOf(cut)));
}

/** The width of a text, in terminal columns. */
function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}
