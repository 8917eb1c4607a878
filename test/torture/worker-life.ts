import { inspect } from 'node:util';
import { Journal } from './journal.js';
import { serverNowUs } from './server-clock.js';
import { READING_US } from './server-freed.js';
import type { WorkerOrder, WorkerReport, WorkerSettings } from './worker-messages.js';
import { blockEventLoop } from '../support/block-event-loop.js';

const TALLY_MS = 500;
const WATCH_MS = 50;
/** A longer gap between two looks at the clock was a stall of the process, which noticed nothing in it. */
const STALL_MS = READING_US / 1_000;
/** What no turn of the event loop may take of the processor's time, however busy the machine is. */
const MAX_TURN_CPU_MS = 500;

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
    const watching = this.watchStalls();
    await Promise.all(
      callers.map(async (turn) => {
        while (!this.isStopping) await turn();
      }),
    );
    await close();
    clearInterval(reporting);
    clearInterval(watching);
    this.reportCounts();
    this.journal.close();
    report({ type: 'done' });
  }

  /** A machine with more work than processors lets a process wait for hundreds of milliseconds. */
  private watchStalls(): NodeJS.Timeout {
    let fromUs = this.nowUs();
    let cpu = process.cpuUsage();
    return setInterval(() => {
      const toUs = this.nowUs();
      const { user, system } = process.cpuUsage(cpu);
      if (toUs - fromUs > STALL_MS * 1_000) {
        report({ type: 'blocked', fromUs, toUs });
        this.count('stalls');
        if (user + system > MAX_TURN_CPU_MS * 1_000) {
          this.unexpected('busy', new Error(`one turn took ${(user + system) / 1_000} ms of CPU`));
        }
      }
      fromUs = toUs;
      cpu = process.cpuUsage();
    }, WATCH_MS);
  }

  private block(forMs: number): void {
    const fromUs = this.nowUs();
    blockEventLoop(forMs);
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
