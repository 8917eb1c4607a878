const PIPE_WIDTH = 120;
const MIN_WIDTH = 80;

/** Control sequences of terminals: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html */
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** How many terminal columns a table may take. */
export function screenWidth(): number {
  return process.stdout.isTTY ? Math.max(MIN_WIDTH, process.stdout.columns) : PIPE_WIDTH;
}

/** How many lines are visible at once; all of them where there is no terminal. */
export function screenHeight(): number {
  return process.stdout.isTTY ? process.stdout.rows : Infinity;
}

/** The text that replaces the content of the terminal with these lines, without flicker. */
export function inPlace(lines: readonly string[]): string {
  return HOME + lines.map((line) => line + CLEAR_LINE).join('\n') + CLEAR_BELOW;
}

/** As many lines as fit, the last one included: it says how many locks there are. */
export function fitting(lines: readonly string[], height: number): readonly string[] {
  if (lines.length <= height) return lines;
  const left = lines.length - height + 1;
  return [...lines.slice(0, Math.max(0, height - 2)), `… and ${left} more`, lines.at(-1) ?? ''];
}
