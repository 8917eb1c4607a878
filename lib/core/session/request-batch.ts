import type { PendingRequest } from './pending-request.js';
import type { BatchTurn } from './statement-turns.js';

/**
 * From so many requests on, a batch is worth a statement of its own beside the one in flight: with 30 callers
 * there are 1.3 times as many locks, with 10 callers it would cost more than it gains (two idle cores).
 */
const OVERLAP_FROM = 8;

/** Requests that travel together in one statement. */
export class RequestBatch implements BatchTurn {
  readonly requests: PendingRequest[] = [];
  /** Resolves when the callbacks of all requests were called. Never rejects. */
  readonly settled: Promise<void>;
  /** Call it when they were called. */
  settle!: () => void;

  constructor(
    /** How many requests it takes, as of now; those that follow go into another batch. */
    private readonly size: () => number,
    private readonly canOverlap: () => boolean,
    private readonly send: (batch: RequestBatch) => Promise<void>,
  ) {
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  get isFull(): boolean {
    return this.requests.length >= this.size();
  }

  get mayOverlap(): boolean {
    return this.requests.length >= OVERLAP_FROM && this.canOverlap();
  }

  begin(): Promise<void> {
    return this.send(this);
  }

  /** Returns whether there are enough requests from now on for it to overlap. */
  add(request: PendingRequest): boolean {
    return this.requests.push(request) === OVERLAP_FROM;
  }
}

/**
 * How many requests a batch takes when so many are on their way in all: the half, so that this process
 * works on the results of one half while the server works on the other. Few travel together.
 */
export function sizeOfBatch(onTheWay: number): number {
  return onTheWay >= 2 * OVERLAP_FROM ? Math.ceil(onTheWay / 2) : Infinity;
}
