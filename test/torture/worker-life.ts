import { inspect } from 'node:util';
import { Journal } from './journal.js';
import { serverNowUs } from './server-clock.js';
import type { WorkerOrder, WorkerReport, WorkerSettings } from './worker-messages.js';

const TALLY_MS = 500;

/** The side of a worker that talks to the run: what is done with locks is its callers' own. */
export class WorkerLife {
  readonly settings: WorkerSettings;
  readonly journal: Journal;
  private counts: Record<string, number> = {};
  private readonly stopping = new AbortController();

  constructor() {
    this.settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings;
    this.journal = new Journal(this.settings.journal, () => this.nowUs());
    process.on('message', (order: WorkerOrder) => {
      if (order.type === 'stop') this.stopping.abort();
      else this.block(order.forMs);
    });
    process.on('unhandledRejection', (error) => {
      this.unexpected('unhandled rejection', error);
    });
  }

  get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  nowUs(): number {
    return serverNowUs(this.settings.serverOffsetUs);
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  unexpected(what: string, error: unknown): void {
    report({ type: 'unexpected', error: `${what}: ${inspect(error)}` });
  }

  /** Lets the callers take locks until the run asks to stop, then closes. */
  async run(callers: (() => Promise<void>)[], close: () => Promise<void>): Promise<void> {
    report({ type: 'ready' });
    const reporting = setInterval(() => {
      this.reportCounts();
    }, TALLY_MS);
    await Promise.all(
      callers.map(async (turn) => {
        while (!this.isStopping) await turn();
      }),
    );
    await close();
    clearInterval(reporting);
    this.reportCounts();
    this.journal.close();
    report({ type: 'done' });
  }

  private block(forMs: number): void {
    const fromUs = this.nowUs();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs);
    report({ type: 'blocked', fromUs, toUs: this.nowUs() });
  }

  private reportCounts(): void {
    report({ type: 'tally', counts: this.counts });
    this.counts = {};
  }
}

function report(message: WorkerReport): void {
  if (process.connected) process.send?.(message);
}
