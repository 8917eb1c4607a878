import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { forkModule } from '../../../sample-app/postgres/fork-module.js';

/** A program of this folder in a process of its own, which sends one message when it is ready. */
export class Child<Ready = unknown> {
  private readonly exited: Promise<unknown>;

  private constructor(
    private readonly child: ChildProcess,
    readonly ready: Ready,
  ) {
    this.exited = once(child, 'exit');
  }

  static async start<Ready>(program: string, ...args: string[]): Promise<Child<Ready>> {
    // The package as applications get it.
    const env = { LIBRARY: 'built', ...process.env };
    const child = forkModule(fileURLToPath(new URL(program, import.meta.url)), args, { env });
    return new Child(child, await nextMessage<Ready>(child));
  }

  order(order: string): void {
    this.child.send(order);
  }

  read<Result>(): Promise<Result> {
    const result = nextMessage<Result>(this.child);
    this.order('read');
    return result;
  }

  async stop(): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    if (this.child.exitCode === null && this.child.signalCode === null) await this.exited;
  }
}

async function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  const over = new AbortController();
  const { signal } = over;
  try {
    const ended = once(child, 'exit', { signal }).then(() => {
      throw new Error('A process of the measurement has ended');
    });
    const [message] = (await Promise.race([once(child, 'message', { signal }), ended])) as [Message];
    return message;
  } finally {
    over.abort();
  }
}
