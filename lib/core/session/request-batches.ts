import { LockCapacityError } from '../errors/lock-capacity.error.js';
import { connectionError } from '../errors/lock-connection.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import type { LockKey } from '../key/lock-key.js';
import { OWN_LOCKS, ownLockIn } from '../sql/pg-locks-statements.js';
import { BATCH_NAME, resultsOf, statementFor, YES } from '../sql/request-statement.js';
import { BACKEND_PID } from '../sql/session-statements.js';
import { isServerError, type ServerError, SqlState } from '../sql/sqlstate.js';
import type { MonitoredConnection } from './monitored-connection.js';
import type { PendingRequest } from './pending-request.js';
import { RequestBatch, sizeOfBatch } from './request-batch.js';

/** As it was before a test put fake timers in its place: a lock must not wait for them. */
const nextTick = process.nextTick.bind(process);

const WITHOUT_LIMIT = (): number => Infinity;

/** Who sends requests. For each of them, exactly one of the two is called, once. */
export interface RequestSender {
  /** What the server has replied, or true for an unlock whose session has ended. */
  settle(request: PendingRequest, succeeded: boolean): void;
  /** The key was not taken. */
  reject(request: PendingRequest, error: Error): void;
}

/**
 * The requests on their way to one backend. Those that arrive while a statement is in flight travel together
 * in the next one.
 */
export class RequestBatches {
  /** Takes the requests that arrive until it is sent. */
  private collecting: RequestBatch | undefined;
  private onTheWay = 0;
  /** How many were on their way when the last batch was sent. */
  private lastOnTheWay = 0;

  constructor(
    private readonly line: MonitoredConnection,
    private readonly sender: RequestSender,
    /** Called in a turn of its own after a batch through a pooler. */
    private readonly onPooledOver: () => Promise<void>,
  ) {}

  /** Whether each request has its outcome. */
  get areSettled(): boolean {
    return this.onTheWay === 0;
  }

  /** Whether a request waits to be sent. */
  get isAnyWaiting(): boolean {
    return this.collecting !== undefined;
  }

  /** Sends the request; resolves when it has its outcome, and never rejects. */
  add(request: PendingRequest): Promise<void> {
    this.onTheWay += 1;
    const batch = this.collecting?.isFull === false ? this.collecting : this.collect();
    if (batch.add(request)) this.line.turns.beginNext();
    return batch.settled;
  }

  private collect(): RequestBatch {
    const isHalf = this.canOverlap() && Number.isFinite(sizeOfBatch(this.lastOnTheWay));
    const batch = new RequestBatch(isHalf ? this.sizeOfHalf : WITHOUT_LIMIT, this.canOverlap, this.send);
    this.collecting = batch;
    this.line.turns.batch(batch);
    return batch;
  }

  /** Of what is on the way by now: what many callers request at once must not travel in many small parts. */
  private readonly sizeOfHalf = (): number => sizeOfBatch(Math.max(this.lastOnTheWay, this.onTheWay));

  private readonly canOverlap = (): boolean => this.line.canPipeline(BATCH_NAME);

  private readonly send = async (batch: RequestBatch): Promise<void> => {
    const { line } = this;
    // First run what the last results have started: the next requests of those callers then join this batch.
    await new Promise<void>((resolve) => {
      nextTick(resolve);
    });
    if (this.collecting === batch) this.collecting = undefined;
    this.lastOnTheWay = this.onTheWay;
    try {
      if (line.isPooled) await line.pin();
      const { result, isRecent } = await line.queryUnconfirmed(statementFor(batch.requests));
      const results = read(batch.requests, result);
      if (isRecent) this.settle(batch, results);
      else void line.turns.aloneNext(() => this.settleConfirmed(batch, results));
    } catch (error) {
      // What a session in doubt grants behind it must reach no caller.
      if (!isServerError(error)) line.fail(error as Error);
      // The batch behind it may still be on its way.
      void line.turns.aloneNext(() => this.settleFailed(batch, error as Error));
    }
    // In a turn of its own, for which those that have been settled need not wait.
    if (line.isPooled) void line.turns.alone(this.onPooledOver);
  };

  private settle(batch: RequestBatch, results: string): void {
    this.throwIfOver();
    let index = 0;
    for (const request of batch.requests) this.settleOne(request, results[index++] === YES);
    batch.settle();
  }

  /** A result that was read late is relied on only after the backend has responded again. */
  private async settleConfirmed(batch: RequestBatch, results: string): Promise<void> {
    try {
      await this.line.query(BACKEND_PID);
      this.settle(batch, results);
    } catch (error) {
      await this.settleFailed(batch, error as Error);
    }
  }

  private async settleFailed(batch: RequestBatch, error: Error): Promise<void> {
    const { line } = this;
    try {
      if (!isServerError(error)) throw error;
      await this.reconcile(batch.requests, error);
    } catch (cause) {
      line.fail(cause as Error);
      // The error that the server reported before it closed the connection says more than that it closed it.
      const isReported = isServerError(error) && !(line.end instanceof LockShutdownError);
      for (const request of batch.requests) this.abandon(request, isReported ? error : line.end);
    }
    batch.settle();
  }

  /**
   * Finds out what a statement did before it failed half-way. Session locks ignore transactions, so the keys
   * that it had taken stay taken: their callers get them, and keys that are still to be unlocked are
   * unlocked.
   */
  private async reconcile(requests: readonly PendingRequest[], error: ServerError): Promise<void> {
    const { line } = this;
    await line.repin();
    const held = new Set(await line.query(OWN_LOCKS));
    const isHeld = ({ mode, key }: PendingRequest): boolean => held.has(ownLockIn(mode, key));
    const stillLocked = requests.filter((request) => request.operation === 'unlock' && isHeld(request));
    if (stillLocked.length > 0) read(stillLocked, await line.query(statementFor(stillLocked)));
    // A claim that was given back may have been requested again in the same statement.
    for (const { mode, key } of stillLocked) held.delete(ownLockIn(mode, key));
    this.throwIfOver();
    for (const request of requests) {
      if (request.operation === 'unlock' || isHeld(request)) this.settleOne(request, true);
      else this.rejectOne(request, errorOf(request.key, error));
    }
  }

  /** The holders were notified of the end before. What is granted afterwards, no one would take away. */
  private throwIfOver(): void {
    if (this.line.end !== undefined) throw this.line.end;
  }

  /**
   * Settles a request without a result: a lock counts as not taken, and an unlock as done, as the session has
   * ended.
   */
  private abandon(request: PendingRequest, cause: unknown): void {
    if (request.operation === 'unlock') this.settleOne(request, true);
    else this.rejectOne(request, connectionError(cause, request.key.name));
  }

  private settleOne(request: PendingRequest, succeeded: boolean): void {
    this.onTheWay -= 1;
    this.sender.settle(request, succeeded);
  }

  private rejectOne(request: PendingRequest, error: Error): void {
    this.onTheWay -= 1;
    this.sender.reject(request, error);
  }
}

/** Reads what the server has replied to each request. Throws when it contradicts what this process knows. */
function read(requests: readonly PendingRequest[], reply: readonly (string | null)[]): string {
  const results = resultsOf(reply, requests.length);
  let index = 0;
  for (const { operation, key } of requests) {
    // Postgres returns false, with a warning, for a lock that is not held: what this session assumes is
    // wrong.
    if (results[index++] !== YES && operation === 'unlock') {
      throw new Error(`Postgres no longer held the key ${key.id} when it was released`);
    }
  }
  return results;
}

function errorOf({ name }: LockKey, error: ServerError): Error {
  if (error.code === SqlState.outOfMemory) return new LockCapacityError(name, error);
  return connectionError(error, name);
}
