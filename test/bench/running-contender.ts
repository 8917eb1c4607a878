import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { forkModule } from '../../sample-app/postgres/fork-module.js';
import type { Part, Reply } from './contender-process.js';
import type { ContenderInfo } from './contender.js';
import type { Servers } from './servers.js';

const program = fileURLToPath(new URL('./contender-process.ts', import.meta.url));

/** How much longer than its load a contender may take, in milliseconds, before it counts as stuck. */
const PATIENCE_MS = 60_000;

/** This process' side of a contender. */
export class RunningContender<Load extends { durationMs: number }, Result> {
  private readonly exited: Promise<unknown>;

  private constructor(
    readonly info: ContenderInfo,
    private readonly child: ChildProcess,
  ) {
    this.exited = once(child, 'exit');
  }

  static async start<Load extends { durationMs: number }, Result>(
    part: Part,
    info: ContenderInfo,
    serverUrl: string,
  ): Promise<RunningContender<Load, Result>> {
    // The package as applications get it, not its source, which LIBRARY=source measures without a build.
    const env = {
      LIBRARY: 'built',
      ...process.env,
      ...(info.build !== undefined && { LIBRARY: info.build }),
    };
    const child = forkModule(program, [part, info.file, info.server, serverUrl], { env });
    const running = new RunningContender<Load, Result>(info, child);
    await running.nextMessage(PATIENCE_MS);
    return running;
  }

  /** Starts all, and stops them when what uses them is over. */
  static async use<Load extends { durationMs: number }, Result>(
    part: Part,
    infos: readonly ContenderInfo[],
    servers: Servers,
    use: (contenders: RunningContender<Load, Result>[]) => Promise<void>,
  ): Promise<void> {
    const contenders: RunningContender<Load, Result>[] = [];
    try {
      for (const info of infos) {
        contenders.push(await RunningContender.start(part, info, servers.url(info.server)));
      }
      await use(contenders);
    } finally {
      for (const contender of contenders) await contender.stop();
    }
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async measure(load: Load): Promise<Result> {
    this.child.send(load);
    const reply = (await this.nextMessage(load.durationMs + PATIENCE_MS)) as Reply<Result>;
    if ('error' in reply) throw new Error(reply.error);
    return reply.result;
  }

  async stop(): Promise<void> {
    if (this.child.connected) this.child.disconnect();
    await this.exited;
  }

  private async nextMessage(timeoutMs: number): Promise<unknown> {
    const message = once(this.child, 'message', { signal: AbortSignal.timeout(timeoutMs) }).catch(
      (cause: unknown) => {
        // What is stuck would not end by itself either.
        this.child.kill('SIGKILL');
        throw new Error(`${this.info.title} did not respond within ${timeoutMs} ms`, { cause });
      },
    ) as Promise<[unknown]>;
    const ended = this.exited.then(() => {
      throw new Error(`The process of ${this.info.title} has ended`);
    });
    const [reply] = await Promise.race([message, ended]);
    return reply;
  }
}
