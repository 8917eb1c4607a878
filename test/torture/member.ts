import { join } from 'node:path';
import type { TcpProxy } from '../faults/support/tcp-proxy.js';
import { spawnWorker, type WorkerProcess } from '../support/worker-process.js';
import { type Hold } from './hold.js';
import { readJournal } from './journal.js';
import { serverNowUs } from './server-clock.js';
import type { WorkerOrder, WorkerReport, WorkerSettings } from './worker-messages.js';

/** How long starting or stopping may take on a busy machine, waits for locks included. */
const PATIENCE_MS = 120_000;

export interface MemberOptions extends Omit<WorkerSettings, 'journal' | 'worker'> {
  readonly program: URL;
  /** Where the journals go. */
  readonly folder: string;
}

interface Life {
  readonly process: WorkerProcess;
  readonly journal: string;
  isReady: boolean;
  killedAtUs?: number;
}

/** One worker of the fleet: a process after the other, as they are killed. */
export class Member {
  private readonly lives: Life[] = [];
  private isStopping = false;

  constructor(
    readonly index: number,
    /** All its connections go through it. */
    readonly proxy: TcpProxy,
    /** Whether its proxy leads to a pooler. */
    readonly isPooled: boolean,
    private readonly options: MemberOptions,
    private readonly onReport: (member: Member, report: WorkerReport) => void,
  ) {}

  /** Whether it takes locks, and is not just being replaced. */
  get isUp(): boolean {
    return this.life.isReady && this.life.killedAtUs === undefined;
  }

  get pid(): number {
    return this.life.process.pid;
  }

  async start(): Promise<void> {
    const { program, folder, ...settings } = this.options;
    const journal = join(folder, `worker-${this.index}-${this.lives.length}.jsonl`);
    const worker = spawnWorker(program, {
      args: [
        JSON.stringify({
          ...settings,
          seed: settings.seed + this.lives.length,
          worker: this.index,
          journal,
        } satisfies WorkerSettings),
      ],
    });
    const life: Life = { process: worker, journal, isReady: false };
    this.lives.push(life);
    void this.listen(life);
    await worker.message<WorkerReport>(({ type }) => type === 'ready', PATIENCE_MS);
    life.isReady = true;
  }

  order(order: WorkerOrder): void {
    this.life.process.send(order);
  }

  /** Kills it, and starts another in its place. */
  async replace(): Promise<void> {
    const { life } = this;
    // Noted first: its locks are not granted again before the server has seen it go.
    life.killedAtUs = serverNowUs(this.options.serverOffsetUs);
    life.process.kill('SIGKILL');
    await life.process.exited;
    await this.start();
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    const { process } = this.life;
    try {
      this.order({ type: 'stop' });
      await process.message<WorkerReport>(({ type }) => type === 'done', PATIENCE_MS);
    } catch (error) {
      this.onReport(this, { type: 'unexpected', error: `it did not stop: ${String(error)}` });
      process.kill('SIGKILL');
    }
    await process.exited;
  }

  /** For the end of a run, however it ends. */
  async kill(): Promise<void> {
    this.isStopping = true;
    const process = this.lives.at(-1)?.process;
    process?.kill('SIGKILL');
    await process?.exited;
  }

  holds(): Hold[] {
    return this.lives.flatMap(({ journal, killedAtUs }) => readJournal(journal, this.index, killedAtUs));
  }

  private get life(): Life {
    const life = this.lives.at(-1);
    if (life === undefined) throw new Error(`Worker ${this.index} was not started.`);
    return life;
  }

  private async listen(life: Life): Promise<void> {
    const isNews = ({ type }: WorkerReport): boolean => type !== 'ready' && type !== 'done';
    void life.process.exited.then(({ code, signal }) => {
      if (life.killedAtUs !== undefined || this.isStopping) return;
      const error = `it ended by itself (${String(code ?? signal)}): ${life.process.output}`;
      this.onReport(this, { type: 'unexpected', error });
    });
    for (;;) {
      try {
        this.onReport(this, await life.process.message<WorkerReport>(isNews, 2 ** 31 - 1));
      } catch {
        return; // It has ended.
      }
    }
  }
}
