import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseLogLine, type LogLine } from './log-line.js';

const entry = fileURLToPath(new URL('../main.js', import.meta.url));
const stopLimitMs = 5_000;

/** One instance of the shop as a process of its own. */
export class InstanceProcess {
  readonly url: string;
  private readonly child: ChildProcess;
  private readonly exit: Promise<unknown>;

  constructor(
    readonly name: string,
    readonly port: number,
    databaseUrl: string,
    onLog: (line: LogLine) => void,
  ) {
    this.url = `http://127.0.0.1:${port}`;
    this.child = fork(entry, {
      env: { ...process.env, DATABASE_URL: databaseUrl, PORT: String(port), INSTANCE: name },
      // A process group of its own: Ctrl-C in the terminal reaches the launcher alone, which then ends
      // everything in the right order.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.exit = once(this.child, 'exit');
    for (const output of [this.child.stdout, this.child.stderr] as Readable[]) {
      createInterface({ input: output }).on('line', (line) => {
        onLog(parseLogLine(line));
      });
    }
  }

  get pid(): number {
    return this.child.pid ?? NaN;
  }

  /** What ended the process: a signal or an exit code. */
  get ending(): string {
    return this.child.signalCode ?? `exit code ${this.child.exitCode ?? '?'}`;
  }

  /** Resolves when the instance serves requests. */
  async ready(): Promise<void> {
    const gone = this.gone().then(() => {
      throw new Error(`${this.name} ended before it was ready (${this.ending}).`);
    });
    await Promise.race([once(this.child, 'message'), gone]);
  }

  /** Resolves when the process has ended. */
  async gone(): Promise<void> {
    await this.exit;
  }

  /** Stops the instance gracefully; after `stopLimitMs` the kernel ends it. */
  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const limit = setTimeout(() => this.child.kill('SIGKILL'), stopLimitMs);
    await this.gone();
    clearTimeout(limit);
  }
}
