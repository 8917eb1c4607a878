import { type Chained, ChainedMap, sqlStateOf } from '../core/index.js';

/** More requests than these wait for the next statement. */
const MAX_BATCH = 500;

/** While the server works on one, this process reads the results of the other, and makes the next. */
const MAX_IN_FLIGHT = 2;

/**
 * How many requests make a second statement worth its own cost: with a hundred at once, two statements take
 * three quarters of the time of one (two idle cores); with smaller ones each costs more than it gains.
 */
const WORTH_A_STATEMENT = 48;

/** A request, and what its call waits for. */
class PendingRequest<Request extends Named, Result> implements Chained<PendingRequest<Request, Result>> {
  nextInChain: PendingRequest<Request, Result> | undefined;
  /** The last request for its name, of those that came after this one. */
  last: PendingRequest<Request, Result> = this;
  /** The next request for its name. */
  next: PendingRequest<Request, Result> | undefined;

  constructor(
    readonly request: Request,
    readonly resolve: (result: Result) => void,
    readonly reject: (error: unknown) => void,
  ) {}

  get id(): string {
    return this.request.name;
  }
}

interface Named {
  readonly name: string;
}

/**
 * Sends requests that arrive while a statement is in flight together in the next one. Where there are many,
 * two statements are in flight. A name is in one of them at most, and in it once: a statement may change a
 * row only once, and the requests for a name come to the server in their order.
 */
export class Batches<Request extends Named, Result> {
  /** The first request for each name; it is ready, or in a statement. */
  private readonly first = new ChainedMap<PendingRequest<Request, Result>>();
  /** Those that the next statement can take, in their order. */
  private ready: PendingRequest<Request, Result>[] = [];
  private inFlight = 0;
  private isStarting = false;

  /**
   * @param send - sends the requests, and resolves to the result of each. Rejects when no request had an
   * effect that is known.
   */
  constructor(private readonly send: (requests: readonly Request[]) => Promise<readonly Result[]>) {}

  add(request: Request): Promise<Result> {
    return new Promise((resolve, reject) => {
      const pending = new PendingRequest(request, resolve, reject);
      const first = this.first.get(request.name);
      if (first === undefined) {
        this.first.add(pending);
        this.ready.push(pending);
      } else {
        first.last.next = pending;
        first.last = pending;
      }
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
    const { length } = this.ready;
    return this.inFlight === 0 ? length > 0 : this.inFlight < MAX_IN_FLIGHT && length >= WORTH_A_STATEMENT;
  }

  private sendReady(): void {
    while (this.isWorthAStatement) {
      const batch = this.takeBatch();
      this.inFlight += 1;
      void this.sendTogether(batch).then(() => {
        this.inFlight -= 1;
        for (const pending of batch) this.end(pending);
        this.sendReady();
      });
    }
  }

  /** All that are ready, or half of them where two statements are worth it. */
  private takeBatch(): PendingRequest<Request, Result>[] {
    const { length } = this.ready;
    const leavesHalf = this.inFlight === 0 && length >= 2 * WORTH_A_STATEMENT;
    return this.ready.splice(0, Math.min(MAX_BATCH, leavesHalf ? Math.ceil(length / 2) : length));
  }

  /** The name is in no statement any more. */
  private end(pending: PendingRequest<Request, Result>): void {
    const { id, next, last } = pending;
    this.first.delete(id);
    if (next === undefined) return;
    // What is garbage in the old generation would keep all that came after it, until that is collected.
    pending.next = undefined;
    pending.last = pending;
    next.last = last;
    this.first.add(next);
    this.ready.push(next);
  }

  /** Never rejects. */
  private async sendTogether(batch: readonly PendingRequest<Request, Result>[]): Promise<void> {
    try {
      const results = await this.send(batch.map(({ request }) => request));
      batch.forEach(({ resolve }, index) => {
        resolve(results[index] as Result);
      });
    } catch (error) {
      // What the server refuses may be the fault of one request, such as a name that its encoding lacks.
      if (batch.length > 1 && sqlStateOf(error) !== undefined) {
        for (const pending of batch) await this.sendTogether([pending]);
        return;
      }
      for (const { reject } of batch) reject(error);
    }
  }
}
