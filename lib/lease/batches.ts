import { sqlStateOf } from '../core/index.js';

/** More requests than these wait for the next statement. */
const MAX_BATCH = 500;

interface PendingRequest<Request, Result> {
  readonly request: Request;
  readonly settle: { resolve(result: Result): void; reject(error: unknown): void };
}

/**
 * Sends requests that arrive while a statement is in flight together in the next one, at most one for each
 * name: a statement may change a row only once.
 */
export class Batches<Request extends { readonly name: string }, Result> {
  private waiting: PendingRequest<Request, Result>[] = [];
  private isSending = false;

  /**
   * @param send - sends the requests, and resolves to the result of each. Rejects when no request had an
   * effect that is known.
   */
  constructor(private readonly send: (requests: readonly Request[]) => Promise<readonly Result[]>) {}

  add(request: Request): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ request, settle: { resolve, reject } });
      void this.sendAll();
    });
  }

  private async sendAll(): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    // What the same turn of the event loop requests goes along.
    await Promise.resolve();
    while (this.waiting.length > 0) await this.sendTogether(this.takeBatch());
    this.isSending = false;
  }

  private takeBatch(): PendingRequest<Request, Result>[] {
    const batch = new Map<string, PendingRequest<Request, Result>>();
    const rest: PendingRequest<Request, Result>[] = [];
    for (const pending of this.waiting) {
      const { name } = pending.request;
      if (batch.size < MAX_BATCH && !batch.has(name)) batch.set(name, pending);
      else rest.push(pending);
    }
    this.waiting = rest;
    return [...batch.values()];
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
