import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { forkModule } from '../../sample-app/postgres/fork-module.js';
import type { Answer } from './contender-process.js';
import type { ContenderInfo } from './contender.js';
import type { Load } from './distinct-keys.js';

const program = fileURLToPath(new URL('./contender-process.ts', import.meta.url));
// It maps no paths: `nestjs-advisory-lock` is the built package, as applications get it.
const project = fileURLToPath(new URL('./tsconfig.run.json', import.meta.url));

/** This process' side of a contender. */
export class RunningContender {
  private readonly exited: Promise<unknown>;

  private constructor(
    readonly info: ContenderInfo,
    private readonly child: ChildProcess,
  ) {
    this.exited = once(child, 'exit');
  }

  static async start(info: ContenderInfo, serverUrl: string): Promise<RunningContender> {
    const env = { ...process.env, SWC_NODE_PROJECT: project };
    const running = new RunningContender(
      info,
      forkModule(program, [info.file, info.server, serverUrl], { env }),
    );
    await running.nextMessage();
    return running;
  }

  /** Locks per second under this load; `undefined` when it is more than the contender can do. */
  async measure(load: Load): Promise<number | undefined> {
    if (load.atOnce > (this.info.maxAtOnce ?? Infinity)) return undefined;
    this.child.send(load);
    const answer = (await this.nextMessage()) as Answer;
    if ('error' in answer) throw new Error(answer.error);
    return answer.locksPerSecond;
  }

  async stop(): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    await this.exited;
  }

  private async nextMessage(): Promise<unknown> {
    const message = once(this.child, 'message') as Promise<[unknown]>;
    const ended = this.exited.then(() => {
      throw new Error(`The process of ${this.info.title} has ended`);
    });
    const [answer] = await Promise.race([message, ended]);
    return answer;
  }
}
