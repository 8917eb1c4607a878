import { styleText } from 'node:util';
import type { Deed } from './log-line.js';
import { timeOf } from './time-of.js';

const timeWidth = 10;
const whatWidth = 30;
const cellWidth = 15;
const rowsPerHeader = 20;
/** Longer than a payment, and than a tick that waits for other reports: their results belong in one row. */
const rowOpenMs = 4_000;
const colours = ['cyan', 'magenta', 'yellow', 'green', 'blue'] as const;

interface Row {
  cells: Map<string, Deed>;
  timer: NodeJS.Timeout;
}

/**
 * The terminal: a column for each instance, a row for each thing that happened to the fleet. `styleText`
 * leaves the colours out when the output is no terminal or NO_COLOR is set.
 */
export class Board {
  private readonly present: Set<string>;
  private readonly open = new Map<string, Row>();
  private printed = 0;

  constructor(private readonly columns: { name: string; port: number }[]) {
    this.present = new Set(columns.map(({ name }) => name));
  }

  /** Puts a deed into its row; the row is printed once every instance that is left has a place in it. */
  show(name: string, deed: Deed): void {
    if (isSettled(this.open.get(deed.what)?.cells.get(name))) this.print(deed.what);
    const row = this.open.get(deed.what) ?? this.openRow(deed.what);
    row.cells.set(name, deed);
    this.printIfComplete(deed.what, row);
  }

  /** The instance is gone, and no row waits for it any more. */
  leave(name: string): void {
    this.present.delete(name);
    for (const [what, row] of this.open) this.printIfComplete(what, row);
  }

  note(text: string): void {
    console.log(dim(now().padEnd(timeWidth)) + text);
  }

  /** Prints what is still open, before the end. */
  close(): void {
    for (const what of [...this.open.keys()]) this.print(what);
  }

  private openRow(what: string): Row {
    const timer = setTimeout(() => {
      this.print(what);
    }, rowOpenMs);
    const row = { cells: new Map<string, Deed>(), timer };
    this.open.set(what, row);
    return row;
  }

  private printIfComplete(what: string, row: Row): void {
    if ([...this.present].every((name) => isSettled(row.cells.get(name)))) this.print(what);
  }

  private print(what: string): void {
    const row = this.open.get(what);
    if (!row) return;
    clearTimeout(row.timer);
    this.open.delete(what);
    if (this.printed++ % rowsPerHeader === 0) this.printHeader();
    const cells = this.columns.map(({ name }, column) => this.cell(name, row.cells.get(name), column));
    console.log(`${dim(now().padEnd(timeWidth))}${what.padEnd(whatWidth)}${cells.join('')}`.trimEnd());
  }

  private cell(name: string, deed: Deed | undefined, column: number): string {
    if (!deed) return dim((this.present.has(name) ? '-' : 'gone').padEnd(cellWidth));
    return deed.done ? coloured(deed.result.padEnd(cellWidth), column) : dim(deed.result.padEnd(cellWidth));
  }

  private printHeader(): void {
    const heads = this.columns.map(({ name, port }, column) =>
      coloured(`${name} :${port}`.padEnd(cellWidth), column),
    );
    console.log(`\n${''.padEnd(timeWidth + whatWidth)}${heads.join('')}`.trimEnd());
  }
}

function isSettled(deed: Deed | undefined): boolean {
  return deed !== undefined && deed.isUnderWay !== true;
}

function now(): string {
  return timeOf(new Date());
}

function dim(text: string): string {
  return styleText('dim', text);
}

function coloured(text: string, column: number): string {
  return styleText(colours[column % colours.length] ?? 'cyan', text);
}
