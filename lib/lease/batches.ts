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

/** Requests for one name, in their order. */
type Queue<Request, Result> = PendingRequest<Request, Result>[];

/**
 * Sends requests that arrive while a statement is in flight together in the next one. Where there are many,
 * two statements are in flight. A name is in one of them at most, and in it once: a statement may change a
 * row only once, and the requests for a name come to the server in their order.
 */
export class Batches<Request extends { readonly name: string }, Result> {
  /** By names that are in no statement. */
  private readonly ready = new Map<string, Queue<Request, Result>>();
  /** By names that are in a statement: those that wait for its end. */
  private readonly behind = new Map<string, Queue<Request, Result>>();
  private inFlight = 0;
  private isStarting = false;

  /**
   * @param send - sends the requests, and resolves to the result of each. Rejects when no request had an
   * effect that is known.
   */
  constructor(private readonly send: (requests: readonly Request[]) => Promise<readonly Result[]>) {}

  add(request: Request): Promise<Result> {
    const { name } = request;
    return new Promise((resolve, reject) => {
      const pending = { request, settle: { resolve, reject } };
      const sameName = this.behind.get(name) ?? this.ready.get(name);
      if (sameName === undefined) this.ready.set(name, [pending]);
      else sameName.push(pending);
      void this.start();
    });
  }

  private async start(): Promise<void> {
    if (this.isStarting || !this.isWorthAStatement) return;
    this.isStarting = true;
    // What the same turn of the event loop requests goes along.
    await Promise.resolve();
    this.isStarting = false;
    this.sendReady();
  }

  private get isWorthAStatement(): boolean {
    const { size } = this.ready;
    return this.inFlight === 0 ? size > 0 : this.inFlight < MAX_IN_FLIGHT && size >= WORTH_A_STATEMENT;
  }

  private sendReady(): void {
    while (this.isWorthAStatement) {
      const batch = this.takeBatch();
      this.inFlight += 1;
      void this.sendTogether(batch).then(() => {
        this.inFlight -= 1;
        for (const { request } of batch) this.end(request.name);
        this.sendReady();
      });
    }
  }

  /** The first request for each name that is ready, or for half of them where two statements are worth it. */
  private takeBatch(): PendingRequest<Request, Result>[] {
    const { size } = this.ready;
    const leavesHalf = this.inFlight === 0 && size >= 2 * WORTH_A_STATEMENT;
    const count = Math.min(MAX_BATCH, leavesHalf ? Math.ceil(size / 2) : size);
    const batch: PendingRequest<Request, Result>[] = [];
    for (const [name, queue] of this.ready) {
      if (batch.length === count) break;
      batch.push(queue.shift() as PendingRequest<Request, Result>);
      this.ready.delete(name);
      this.behind.set(name, queue);
    }
    return batch;
  }

  /** The name is in no statement any more. */
  private end(name: string): void {
    const queue = this.behind.get(name);
    this.behind.delete(name);
    if (queue !== undefined && queue.length > 0) this.ready.set(name, queue);
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
