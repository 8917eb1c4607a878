import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from './command.error.js';
import { statusOfSignal } from './exit-status.js';

/** How often it is checked whether all processes of a command have ended, in milliseconds. */
const POLL_MS = 20;

/** A command that runs with the stdio of this process. */
export class Child {
  /** Resolves to the status that it has ended with, as a shell reports it. */
  readonly status: Promise<number>;

  private constructor(
    private readonly child: ChildProcess,
    /**
     * Whether it leads a process group, so that signals reach what it has started, such as the command in
     * `sh -c`.
     */
    private readonly isGroup: boolean,
  ) {
    this.status = once(child, 'exit').then(([code, signal]: (number | NodeJS.Signals | null)[]) =>
      typeof code === 'number' ? code : statusOfSignal(signal as NodeJS.Signals),
    );
  }

  /** Starts a command. Rejects with a `CommandError` when it cannot be started. */
  static async start(file: string, args: readonly string[]): Promise<Child> {
    // At a terminal a group of its own would be in the background, where reading from the terminal stops it.
    const isGroup = process.platform !== 'win32' && !process.stdin.isTTY;
    const child = spawn(file, args, { stdio: 'inherit', detached: isGroup });
    const started = new Child(child, isGroup);
    started.status.catch(() => undefined);
    try {
      await once(child, 'spawn');
    } catch (error) {
      throw new CommandError(file, error as NodeJS.ErrnoException);
    }
    return started;
  }

  /** Passes on a signal that this process has received. */
  pass(signal: NodeJS.Signals): void {
    // A terminal sends the signals of its keys to all foreground processes, so the command has received it
    // already.
    const isOfTerminal = signal === 'SIGINT' || signal === 'SIGQUIT';
    if (this.isGroup || !isOfTerminal) this.signal(signal);
  }

  /** Asks it to end, and kills it after `graceMs` milliseconds. */
  async end(graceMs: number): Promise<void> {
    this.signal('SIGTERM');
    const deadline = performance.now() + graceMs;
    while (this.signal(0) && performance.now() < deadline) await sleep(POLL_MS);
    this.signal('SIGKILL');
  }

  /** Sends a signal; returns whether there was a process to receive it. */
  private signal(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this.child;
    if (!this.isGroup || pid === undefined) return this.child.kill(signal);
    try {
      return process.kill(-pid, signal);
    } catch {
      return false;
    }
  }
}
