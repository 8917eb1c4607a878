import { LockCapacityError } from '../errors/lock-capacity.error.js';
import { LockConnectionError } from '../errors/lock-connection.error.js';
import { type Checkup, checkUp } from '../connection/checkup.js';
import { Heartbeat, type HeartbeatTimes, SilenceError } from './heartbeat.js';
import type { LockConnection } from '../connection/lock-connection.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import type { SessionTimes } from '../connection/session-settings.js';
import {
  answersOf,
  BACKEND_PID,
  cancelStatement,
  CLEAR_SNAPSHOT,
  isLockedStatement,
  isWaitedForStatement,
  type LockRequest,
  OWN_LOCKS,
  ownLockOf,
  type Statement,
  statementFor,
  TRANSACTION_ID,
  UNLOCK_ALL,
  YES,
} from '../sql/lock-statements.js';

/** A request, and who is told what came of it: exactly one of the two, once. */
export interface PendingRequest extends LockRequest {
  resolve(succeeded: boolean): void;
  reject(error: Error): void;
}

/**
 * One backend that holds any number of locks. Requests that come while a statement is under way travel together in the next.
 *
 * Postgres counts session locks per backend and would grant one of them twice, so the caller never asks for a key that
 * this session holds or is being asked for: that is the lock table's work.
 */
export class LockSession {
  private waiting: PendingRequest[] = [];
  private lastTurn: Promise<unknown> = Promise.resolve();
  private endCause: Error | undefined;
  /** How many locks Postgres has given it and not got back. */
  private heldCount = 0;
  private readonly heartbeat: Heartbeat;

  constructor(
    private readonly connection: LockConnection,
    private readonly times: HeartbeatTimes,
    /** Called once, when the connection is over or in doubt; every lock of the session is lost then. */
    private readonly onEnd: (session: LockSession, cause: Error) => void,
    /** Whether others wait on sessions that cannot be asked meanwhile, and rely on this one to notice a silent server. */
    private readonly watchesForOthers = (): boolean => false,
  ) {
    this.heartbeat = new Heartbeat(
      times,
      () => {
        this.beat();
      },
      (error) => {
        this.fail(error);
      },
    );
    void connection.ended.then((cause) => {
      this.fail(cause);
    });
  }

  /** Whether its locks are held through a pooler. */
  get isPooled(): boolean {
    return this.connection.isPooled;
  }

  /** The backend that it is at the moment; `undefined` as long as a pooler has not settled on one. */
  get backendPid(): number | undefined {
    return this.connection.backendPid;
  }

  /** Whether it hears notifications. */
  get isListening(): boolean {
    return this.connection.isListening;
  }

  /**
   * Whether the backend was heard of lately. Not so after the event loop was blocked, or the process frozen, for long: then the session
   * may be over, and nothing of it read yet.
   */
  get isRecent(): boolean {
    return this.heartbeat.isRecent;
  }

  /** How long ago the backend was heard of, in milliseconds. */
  get heartbeatAgeMs(): number {
    return this.heartbeat.ageMs;
  }

  /** What ended the session; `undefined` as long as it lives. */
  get end(): Error | undefined {
    return this.endCause;
  }

  /**
   * Takes a key or gives it back. Taking it may be rejected with `LOCK_CAPACITY` or `LOCK_CONNECTION`; then it is not held.
   * Giving it back is not: when the session ends first, the key is free with it.
   *
   * By callbacks rather than promises, as this is the way of every lock; see `AdvisoryLockService.run`.
   */
  request(request: PendingRequest): void {
    this.waiting.push(request);
    if (this.waiting.length === 1) void this.inTurn(() => this.sendWaiting());
  }

  /** Takes the key if nobody else holds it, as a promise. */
  tryLock(key: LockKey, mode: LockMode): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.request({ operation: 'try', mode, key, resolve, reject });
    });
  }

  /**
   * Runs statements that may take as long as they like, such as waiting for a key; they answer whether they have taken a lock. When
   * they have not, it is made certain that nothing is held. Silence is no sign meanwhile, and nothing else is sent.
   */
  patiently(statements: (connection: LockConnection) => Promise<boolean>): Promise<boolean> {
    return this.inTurn(async () => {
      if (this.endCause !== undefined) throw this.endCause;
      let isRecent: boolean;
      let hasTaken: boolean;
      this.heartbeat.askedPatiently();
      try {
        await this.connection.pin();
        hasTaken = await statements(this.connection);
      } finally {
        isRecent = this.heartbeat.heardAtLast();
      }
      if (hasTaken) this.heldCount += 1;
      else await this.unlockAll();
      if (!isRecent) await this.ask(BACKEND_PID);
      await this.letGo();
      return hasTaken;
    });
  }

  /** Looks at the server. Rejects when the session is over. */
  checkUp(times: SessionTimes): Promise<Checkup> {
    return this.whilePinned(() => this.hearAlone(() => checkUp(this.connection, times)));
  }

  /**
   * Asks what no lock hangs on, such as what other sessions do, and answers the first column. Rejects when the server refuses, or the
   * session is over.
   */
  look(statement: Statement): Promise<(string | null)[]> {
    return this.whilePinned(async () => {
      // In the transaction that holds the locks through a pooler, Postgres would show what it showed at the first look.
      if (this.connection.isPooled) await this.askAlone(CLEAR_SNAPSHOT);
      return this.askAlone(statement);
    });
  }

  /** Ends what another backend waits for; when it resolves, that backend has been told. Rejects when this session is over. */
  async cancel(backendPid: number): Promise<void> {
    await this.inTurn(() => this.askAlone(cancelStatement(backendPid)));
  }

  /** Asks the backend whether it is there, and still the one that the locks are of. Rejects when the session is over. */
  async confirm(): Promise<void> {
    await this.inTurn(async () => {
      // Through a pooler, a session whose last lock has just been released has no backend that could be another one.
      if (this.connection.backendPid === undefined) {
        this.heartbeat.heard();
        return;
      }
      const [backendPid] = await this.askAlone(BACKEND_PID);
      if (Number(backendPid) === this.connection.backendPid) return;
      this.fail(new Error('the pooler has taken the backend away'));
      throw this.endCause as Error;
    });
  }

  /** The number of a transaction of this session, which has no other use. Rejects when the session is over. */
  async transactionId(): Promise<bigint> {
    const [transactionId] = await this.inTurn(() => this.askAlone(TRANSACTION_ID));
    return BigInt(transactionId ?? '');
  }

  /** Whether anybody in the database holds the key. Rejects with `LOCK_CONNECTION`. */
  isLocked(key: LockKey): Promise<boolean> {
    return this.isTrue(isLockedStatement(key), key);
  }

  /** Whether anybody in the database waits in Postgres' queue for the key. Rejects with `LOCK_CONNECTION`. */
  isWaitedFor(key: LockKey): Promise<boolean> {
    return this.isTrue(isWaitedForStatement(key), key);
  }

  /** Ends the session; when it resolves, every lock of it is free. */
  async close(): Promise<void> {
    await this.connection.close();
  }

  /** Ends the session at once: its locks are lost. */
  fail(cause: Error): void {
    if (this.endCause !== undefined) return;
    this.endCause = cause;
    this.heartbeat.stop();
    // In this order: the server may free the locks as soon as it hears of the end, and their holders have to be told before.
    this.onEnd(this, cause);
    // A silent server may well hear: its holders get the time to stop that they have when it does not.
    if (cause instanceof SilenceError && this.heldCount > 0) {
      setTimeout(() => {
        this.connection.destroy();
      }, this.times.heartbeatMs);
    } else this.connection.destroy();
  }

  private async isTrue(statement: Statement, key: LockKey): Promise<boolean> {
    try {
      const [answer] = await this.inTurn(() => this.askAlone(statement));
      return answer === 't';
    } catch (error) {
      throw new LockConnectionError(this.endCause ?? error, key.name);
    }
  }

  /** One statement at a time on the connection. */
  private inTurn<T>(statement: () => Promise<T>): Promise<T> {
    const turn = this.lastTurn.then(statement);
    this.lastTurn = turn.catch(() => undefined);
    return turn;
  }

  private ask(statement: Statement): Promise<(string | null)[]> {
    return this.hear(() => this.connection.query(statement));
  }

  /**
   * Asks the backend. Every answer is a sign of life, and so is an error. An answer that was read late, by a process that was busy or
   * frozen, says what was, and is believed when the backend answers once more.
   */
  private async hear<T>(question: () => Promise<T>): Promise<T> {
    if (this.endCause !== undefined) throw this.endCause;
    let answer: T;
    let isRecent: boolean;
    this.heartbeat.asked();
    try {
      answer = await question();
    } finally {
      isRecent = this.heartbeat.heard();
    }
    if (!isRecent) await this.ask(BACKEND_PID);
    return answer;
  }

  /** Asks what no lock hangs on: when it fails, the transaction that holds the locks through a pooler has to go on. */
  private async hearAlone<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await this.hear(question);
    } catch (error) {
      if (isServerError(error as Error)) await this.connection.repin();
      throw error;
    }
  }

  private askAlone(statement: Statement): Promise<(string | null)[]> {
    return this.hearAlone(() => this.connection.query(statement));
  }

  private beat(): void {
    const isPinned = this.connection.backendPid !== undefined;
    if (isPinned) void this.confirm().catch(() => undefined);
    // Through a pooler, who holds nothing has no backend that could be lost, and asking would take one from others.
    else if (this.watchesForOthers()) void this.inTurn(() => this.ask(BACKEND_PID)).catch(() => undefined);
    else this.heartbeat.heard();
  }

  /** The lock may have been granted in the last moment all the same (madelson/DistributedLock#147). */
  private async unlockAll(): Promise<void> {
    this.heartbeat.asked();
    await this.connection.repin();
    await this.ask(UNLOCK_ALL);
  }

  private async sendWaiting(): Promise<void> {
    // Behind all that the last answers set going: the callers' next requests then join this batch and not the next one.
    await new Promise<void>((resolve) => {
      process.nextTick(resolve);
    });
    const batch = this.waiting;
    this.waiting = [];
    try {
      if (this.connection.isPooled) await this.pin();
      const answers = await this.askFor(batch);
      for (const [index, request] of batch.entries()) this.settle(request, answers[index] === YES);
    } catch (error) {
      await this.settleFailed(batch, error as Error);
    }
    if (this.connection.isPooled) await this.letGo();
  }

  /** Questions that have to go to one backend, also when nothing is held. */
  private whilePinned<T>(questions: () => Promise<T>): Promise<T> {
    return this.inTurn(async () => {
      await this.pin();
      try {
        return await questions();
      } finally {
        await this.letGo();
      }
    });
  }

  private async pin(): Promise<void> {
    if (this.endCause !== undefined) throw this.endCause;
    this.heartbeat.asked();
    await this.connection.pin();
    this.heartbeat.heard();
  }

  /** Lets a pooler have the backend back when nothing is held and nobody is about to ask. */
  private async letGo(): Promise<void> {
    if (this.heldCount > 0 || this.waiting.length > 0 || this.endCause !== undefined) return;
    this.heartbeat.asked();
    try {
      await this.connection.unpin();
      this.heartbeat.heard();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private settle(request: PendingRequest, succeeded: boolean): void {
    if (succeeded) this.heldCount += request.operation === 'try' ? 1 : -1;
    request.resolve(succeeded);
  }

  private async askFor(batch: readonly PendingRequest[]): Promise<string> {
    const answers = answersOf(await this.ask(statementFor(batch)), batch.length);
    for (const [index, { operation, key }] of batch.entries()) {
      // Postgres says false, with a warning, for a lock that is not held: nothing this session believes can be trusted.
      if (operation === 'unlock' && answers[index] !== YES) {
        throw new Error(`Postgres did not hold the key ${key.id} any more when it was released`);
      }
    }
    return answers;
  }

  private async settleFailed(batch: readonly PendingRequest[], error: Error): Promise<void> {
    try {
      if (!isServerError(error)) throw error;
      await this.reconcile(batch, error);
    } catch (cause) {
      this.fail(cause as Error);
      // What the server said before it hung up tells more than that it did.
      for (const request of batch) abandon(request, isServerError(error) ? error : this.endCause);
    }
  }

  /**
   * Finds out what a statement did before it failed half-way: session locks ignore transactions, so what it had taken by
   * then stays taken. What was taken is given to who asked for it, what is still to be unlocked is unlocked.
   */
  private async reconcile(batch: readonly PendingRequest[], error: ServerError): Promise<void> {
    await this.connection.repin();
    const held = new Set(await this.ask(OWN_LOCKS));
    const isHeld = ({ key }: PendingRequest): boolean => held.has(ownLockOf(key));
    const stillLocked = batch.filter((request) => request.operation === 'unlock' && isHeld(request));
    if (stillLocked.length > 0) await this.askFor(stillLocked);
    for (const request of batch) {
      if (request.operation === 'unlock' || isHeld(request)) this.settle(request, true);
      else request.reject(errorOf(request.key, error));
    }
  }
}

/** What the server reports: https://www.postgresql.org/docs/current/protocol-error-fields.html */
interface ServerError extends Error {
  readonly code: string;
}

/**
 * Whether the server has spoken, so that it can be asked what it did. The word of the severity is no help, as servers
 * translate it: where it was FATAL, asking fails.
 */
function isServerError(error: Error): error is ServerError {
  return 'severity' in error;
}

function errorOf({ name }: LockKey, error: ServerError): Error {
  // https://www.postgresql.org/docs/current/errcodes-appendix.html: out_of_memory, here of the shared lock table
  if (error.code === '53200') return new LockCapacityError(name, error);
  return new LockConnectionError(error, name);
}

/** A request that no answer will come to: a lock counts as not taken, and an unlock is done, as the session frees it by ending. */
function abandon(request: PendingRequest, cause: unknown): void {
  if (request.operation === 'unlock') request.resolve(true);
  else request.reject(new LockConnectionError(cause, request.key.name));
}
