import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { compiled } from '../../scripts/compiled.mjs';

const MAP_STACKS = new URL('../../scripts/map-stacks.mjs', import.meta.url).href;
const END_WITH_PARENT = new URL('./end-with-parent.mjs', import.meta.url).href;
const OPTIMIZE_LATER = new URL('./optimize-later.mjs', import.meta.url).href;

export interface WorkerOptions {
  args?: string[];
  env?: NodeJS.ProcessEnv;
  /** The Node that runs it. Default: the one that runs the test. */
  execPath?: string;
}

/** Another operating system process under test, which talks to the test with `process.send()`. */
export class WorkerProcess {
  /** Resolves when the process is gone and everything it sent has arrived. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #inbox: unknown[] = [];
  #output = '';
  #hasExited = false;

  constructor(private readonly child: ChildProcess) {
    child.on('message', (message) => this.#inbox.push(message));
    child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    this.exited = Promise.all([once(child, 'close'), once(child, 'disconnect')]).then(() => {
      this.#hasExited = true;
      return { code: child.exitCode, signal: child.signalCode };
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('The worker was not started.');
    return this.child.pid;
  }

  /** What it has printed so far, on both streams. */
  get output(): string {
    return this.#output;
  }

  send(message: object): void {
    this.child.send(message);
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.child.kill(signal);
  }

  /** Takes the first message that matches, of those not yet taken, or waits for it. */
  async message<T extends object>(matches: (message: T) => boolean, timeoutMs = 45_000): Promise<T> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const index = this.#inbox.findIndex((message) => matches(message as T));
      if (index >= 0) return this.#inbox.splice(index, 1)[0] as T;
      if (this.#hasExited) throw this.#noMessage('the worker has ended');
      if (deadline.aborted) throw this.#noMessage(`none received within ${String(timeoutMs)} ms`);
      await Promise.race([
        once(this.child, 'message', { signal: deadline }).catch(() => undefined),
        this.exited,
      ]);
    }
  }

  #noMessage(reason: string): Error {
    const inbox = JSON.stringify(this.#inbox);
    return new Error(`No such message: ${reason}. Not taken: ${inbox}. Printed: ${this.#output}`);
  }
}

/** Starts a module as a process that ends when this one is killed. */
export function spawnWorker(
  module: URL,
  { args = [], env = {}, execPath = process.execPath }: WorkerOptions = {},
): WorkerProcess {
  const child = fork(compiled(fileURLToPath(module)), args, {
    env: { ...process.env, ...env },
    execPath,
    execArgv: [OPTIMIZE_LATER, MAP_STACKS, END_WITH_PARENT].flatMap((module) => ['--import', module]),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  return new WorkerProcess(child);
}
