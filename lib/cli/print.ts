import { printable, printableJson } from '../core/index.js';

/** Prints the result. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints a value as JSON: on lines of its own, or as one line. */
export function printJson(value: unknown, layout: 'lines' | 'line' = 'lines'): void {
  print(jsonOf(value, layout));
}

/** JSON that may be shown on a terminal. */
export function jsonOf(value: unknown, layout: 'lines' | 'line'): string {
  return printableJson(JSON.stringify(value, null, layout === 'lines' ? 2 : undefined));
}

/**
 * Prints a message of the program itself, apart from the result and from the output of a command that it
 * runs.
 */
export function printError(text: string): void {
  const lines = text.split('\n').map(printable);
  process.stderr.write(`nestjs-advisory-lock: ${lines.join('\n')}\n`);
}
