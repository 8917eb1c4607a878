import { sqlStateOf } from '../core/index.js';

/** More requests than these wait for the next statement. */
const MAX_BATCH = 500;

/** While the server works on one, this process reads the results of the other, and makes the next. */
const MAX_IN_FLIGHT = 2;

/**
 * How many requests make a second statement worth its own cost: with a hundred at once, two statements take
 * three quarters of the time of one (two idle cores); with smaller ones each costs more than it gains.
 */
const WORTH_A_STATEMENT = 48;

interface PendingRequest<Request, Result> {
  readonly request: Request;
  readonly settle: { resolve(result: Result): void; reject(error: unknown): void };
}

type Batch<Request, Result> = ReadonlyMap<string, PendingRequest<Request, Result>>;

/**
 * Sends requests that arrive while a statement is in flight together in the next one. Where there are many,
 * two statements are in flight. A name is in one of them at most, and in it once: a statement may change a
 * row only once, and the requests for a name come to the server in their order.
 */
export class Batches<Request extends { readonly name: string }, Result> {
  private waiting: PendingRequest<Request, Result>[] = [];
  private inFlight: Batch<Request, Result>[] = [];
  private isStarting = false;

  /**
   * @param send - sends the requests, and resolves to the result of each. Rejects when no request had an
   * effect that is known.
   */
  constructor(private readonly send: (requests: readonly Request[]) => Promise<readonly Result[]>) {}

  add(request: Request): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, settle: { resolve, reject } });
      void this.start();
    });
  }

  private async start(): Promise<void> {
    if (this.isStarting || !this.isWorthAStatement) return;
    this.isStarting = true;
    // What the same turn of the event loop requests goes along.
    await Promise.resolve();
    this.isStarting = false;
    this.sendWaiting();
  }

  private get isWorthAStatement(): boolean {
    if (this.inFlight.length === 0) return this.waiting.length > 0;
    return this.inFlight.length < MAX_IN_FLIGHT && this.waiting.length >= WORTH_A_STATEMENT;
  }

  private sendWaiting(): void {
    while (this.isWorthAStatement) {
      const batch = this.takeBatch();
      if (batch.size === 0) return;
      this.inFlight.push(batch);
      void this.sendTogether([...batch.values()]).then(() => {
        this.inFlight = this.inFlight.filter((other) => other !== batch);
        this.sendWaiting();
      });
    }
  }

  private takeBatch(): Batch<Request, Result> {
    const batch = new Map<string, PendingRequest<Request, Result>>();
    const rest: PendingRequest<Request, Result>[] = [];
    const { length } = this.waiting;
    const [other] = this.inFlight;
    const leavesHalf = other === undefined && length >= 2 * WORTH_A_STATEMENT;
    const size = Math.min(MAX_BATCH, leavesHalf ? Math.ceil(length / 2) : length);
    for (const pending of this.waiting) {
      const { name } = pending.request;
      if (batch.size < size && !batch.has(name) && other?.has(name) !== true) batch.set(name, pending);
      else rest.push(pending);
    }
    this.waiting = rest;
    return batch;
  }

  /** Never rejects. */
  private async sendTogether(batch: readonly PendingRequest<Request, Result>[]): Promise<void> {
    try {
      const results = await this.send(batch.map(({ request }) => request));
      batch.forEach(({ settle }, index) => {
        settle.resolve(results[index] as Result);
      });
    } catch (error) {
      // What the server refuses may be the fault of one request, such as a name that its encoding lacks.
      if (batch.length > 1 && sqlStateOf(error) !== undefined) {
        for (const pending of batch) await this.sendTogether([pending]);
        return;
      }
      for (const { settle } of batch) settle.reject(error);
    }
  }
}
