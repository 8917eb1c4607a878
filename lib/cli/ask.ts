import { createInterface } from 'node:readline';
import { UsageError } from './usage.error.js';

export interface Confirmation {
  /** Whether not to ask. */
  readonly isSure: boolean;
  /** Whether there is a terminal to ask on, or an input that is read instead. */
  readonly isAsking: boolean;
}

/** Asks, unless the arguments say that it is sure. */
export async function confirm(question: string, { isSure, isAsking }: Confirmation): Promise<boolean> {
  if (isSure) return true;
  if (isAsking) return isConfirmed(question);
  throw new UsageError('There is no terminal to ask on: --yes ends the holder without asking.');
}

/** Asks a question on the terminal; only `y` and `yes` mean yes, and the end of the input means no. */
async function isConfirmed(question: string): Promise<boolean> {
  process.stdout.write(`${question} [y/N] `);
  // Not as a terminal: then Ctrl-C ends the process as it ends any other.
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    for await (const line of lines) return /^\s*y(es)?\s*$/i.test(line);
    return false;
  } finally {
    lines.close();
  }
}
