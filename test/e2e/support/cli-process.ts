import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { compiled } from '../../../scripts/compiled.mjs';
import { defer } from '../../support/cleanup.js';
import { until } from '../../support/until.js';

/** From its source: a build could be older than what is tested. */
const MAIN = compiled(fileURLToPath(new URL('../../../lib/cli/main.ts', import.meta.url)));

export interface CliOutcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** The command line as a process of its own. */
export interface CliProcess {
  pid: number;
  /** Resolves when it is gone, and with it all that writes to its output. */
  outcome: Promise<CliOutcome>;
  /** What it, or its command, has printed to stdout so far. */
  printed(): string;
  /** Waits until that was printed. */
  says(text: string): Promise<void>;
  /** Waits until that was said on stderr. */
  complains(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Types a line into its input. */
  answer(line: string): void;
  /** Stops reading its output, like head(1). */
  stopReading(): void;
  /** Ends its input, upon which the commands of the tests end. */
  endInput(): void;
}

/** Starts it with a pipe for input, which ends after the test. */
export function startCli(args: string[], env: NodeJS.ProcessEnv): CliProcess {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const outcome = once(child, 'close').then(() => ({ status: child.exitCode, stdout, stderr }));
  defer(async () => {
    child.stdin.end();
    child.kill('SIGKILL');
    await outcome;
  });
  const said = (stream: () => string, text: string): Promise<void> =>
    until(
      () => {
        if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}: ${stderr}`);
        return stream().includes(text);
      },
      `it says "${text}"`,
      20_000,
    );
  return {
    pid: child.pid ?? 0,
    outcome,
    printed: () => stdout,
    says: (text) => said(() => stdout, text),
    complains: (text) => said(() => stderr, text),
    kill: (signal) => child.kill(signal),
    answer: (line) => child.stdin.write(`${line}\n`),
    stopReading: () => child.stdout.destroy(),
    endInput: () => child.stdin.end(),
  };
}
