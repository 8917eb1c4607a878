import { createInterface } from 'node:readline';

/** Asks a question on the terminal; only `y` and `yes` mean yes, and the end of the input means no. */
export async function isConfirmed(question: string): Promise<boolean> {
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
