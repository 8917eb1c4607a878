import type { Checkup } from '../connection/checkup.js';
import { checkUp } from '../connection/checkup.js';
import type { LockConnection } from '../connection/lock-connection.js';
import type { HeartbeatTimes, SessionTimes } from '../connection/session-times.js';
import { LockCapacityError } from '../errors/lock-capacity.error.js';
import { LockConnectionError } from '../errors/lock-connection.error.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import { isLockedStatement, isWaitedForStatement, OWN_LOCKS, ownLockOf } from '../sql/pg-locks-statements.js';
import { answersOf, statementFor, YES } from '../sql/request-statement.js';
import {
  BACKEND_PID,
  cancelStatement,
  CLEAR_SNAPSHOT,
  TRANSACTION_ID,
  UNLOCK_ALL,
} from '../sql/session-statements.js';
import { isServerError, type ServerError, SqlState } from '../sql/sqlstate.js';
import type { Statement } from '../sql/statement.js';
import { MonitoredConnection } from './monitored-connection.js';
import type { PendingRequest } from './pending-request.js';

/**
 * One backend that holds any number of locks. Requests that arrive while a statement is in flight travel together in
 * the next.
 *
 * Postgres counts session locks per backend and would grant one of them twice, so the caller never asks for a key that
 * this session holds or is being asked for: that is the work of the lock table.
 */
export class LockSession {
  private waiting: PendingRequest[] = [];
  /** How many locks Postgres has granted to it and not got back. */
  private heldCount = 0;
  private readonly line: MonitoredConnection;

  constructor(
    connection: LockConnection,
    times: HeartbeatTimes,
    /** Called once, when the connection is over or in doubt; every lock of the session is lost then. */
    onEnd: (session: LockSession, cause: Error) => void,
    /** Whether other sessions, which cannot be asked meanwhile, rely on this one to notice a silent server. */
    watchesForOthers = (): boolean => false,
  ) {
    this.line = new MonitoredConnection(connection, {
      times,
      onEnd: (cause) => {
        onEnd(this, cause);
      },
      isHolding: () => this.heldCount > 0,
      watchesForOthers,
    });
  }

  /** Whether its locks are held through a pooler. */
  get isPooled(): boolean {
    return this.line.isPooled;
  }

  /** The backend that it is at the moment; `undefined` until a pooler has settled on one. */
  get backendPid(): number | undefined {
    return this.line.backendPid;
  }

  /** Whether it hears notifications. */
  get isListening(): boolean {
    return this.line.isListening;
  }

  /** Whether the backend was heard recently; see {@link MonitoredConnection.isRecent}. */
  get isRecent(): boolean {
    return this.line.isRecent;
  }

  /** How long ago the backend was heard, in milliseconds. */
  get heartbeatAgeMs(): number {
    return this.line.heartbeatAgeMs;
  }

  /** What ended the session; `undefined` while it lives. */
  get end(): Error | undefined {
    return this.line.end;
  }

  /**
   * Takes a key or gives it back. Taking it may be rejected with `LOCK_CAPACITY` or `LOCK_CONNECTION`; then it is not
   * held. Giving it back is not: when the session ends first, the key is free with it.
   *
   * By callbacks rather than promises, because every lock goes this way; see `SessionLocks.run`.
   */
  request(request: PendingRequest): void {
    this.waiting.push(request);
    if (this.waiting.length === 1) void this.line.inTurn(() => this.sendWaiting());
  }

  /** Takes the key if no one else holds it, as a promise. */
  tryLock(key: LockKey, mode: LockMode): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.request({ operation: 'try', mode, key, resolve, reject });
    });
  }

  /**
   * Runs statements that may take as long as they like, such as waiting for a key, and that resolve to whether they
   * have taken a lock. When they have not, it makes certain that nothing is held. Nothing else is sent meanwhile.
   */
  withoutSilenceTimeout(statements: (connection: LockConnection) => Promise<boolean>): Promise<boolean> {
    return this.line.inTurn(async () => {
      const { result: hasTaken, isRecent } = await this.line.withoutSilenceTimeout(statements);
      if (hasTaken) this.heldCount += 1;
      else await this.unlockAll();
      if (!isRecent) await this.line.query(BACKEND_PID);
      await this.letGo();
      return hasTaken;
    });
  }

  /** Inspects the server. Rejects when the session is over. */
  checkUp(times: SessionTimes): Promise<Checkup> {
    return this.whilePinned(() => this.line.outsideBatch((connection) => checkUp(connection, times)));
  }

  /**
   * Runs a statement that no lock depends on, such as what other sessions do, and returns the first column. Rejects
   * when the server refuses it, or the session is over.
   */
  query(statement: Statement): Promise<(string | null)[]> {
    return this.whilePinned(async () => {
      // In the transaction that holds the locks through a pooler, Postgres would show what it showed the first time.
      if (this.isPooled) await this.line.queryOutsideBatch(CLEAR_SNAPSHOT);
      return this.line.queryOutsideBatch(statement);
    });
  }

  /** Ends what another backend waits for; when it resolves, that backend has been told. Rejects when this one is over. */
  async cancel(backendPid: number): Promise<void> {
    await this.queryInTurn(cancelStatement(backendPid));
  }

  /** Checks that the backend is there and still holds the locks. Rejects when the session is over. */
  confirm(): Promise<void> {
    return this.line.confirm();
  }

  /** The number of a transaction of this session, which has no other use. Rejects when the session is over. */
  async transactionId(): Promise<bigint> {
    const [transactionId] = await this.queryInTurn(TRANSACTION_ID);
    return BigInt(transactionId ?? '');
  }

  /** Whether any session in the database holds the key. Rejects with `LOCK_CONNECTION`. */
  isLocked(key: LockKey): Promise<boolean> {
    return this.isTrue(isLockedStatement(key), key);
  }

  /** Whether any session in the database waits in Postgres' queue for the key. Rejects with `LOCK_CONNECTION`. */
  isWaitedFor(key: LockKey): Promise<boolean> {
    return this.isTrue(isWaitedForStatement(key), key);
  }

  /** Ends the session; when it resolves, every lock of it is free. */
  close(): Promise<void> {
    return this.line.close();
  }

  /** Ends the session at once: its locks are lost. */
  fail(cause: Error): void {
    this.line.fail(cause);
  }

  private queryInTurn(statement: Statement): Promise<(string | null)[]> {
    return this.line.inTurn(() => this.line.queryOutsideBatch(statement));
  }

  private async isTrue(statement: Statement, key: LockKey): Promise<boolean> {
    try {
      const [answer] = await this.queryInTurn(statement);
      return answer === 't';
    } catch (error) {
      throw new LockConnectionError(this.end ?? error, key.name);
    }
  }

  /** The lock may have been granted in the last moment all the same (madelson/DistributedLock#147). */
  private async unlockAll(): Promise<void> {
    await this.line.repin();
    await this.line.query(UNLOCK_ALL);
  }

  private async sendWaiting(): Promise<void> {
    // After all that the last results set going: the callers' next requests then join this batch and not the next one.
    await new Promise<void>((resolve) => {
      process.nextTick(resolve);
    });
    const batch = this.waiting;
    this.waiting = [];
    try {
      if (this.isPooled) await this.line.pin();
      const answers = await this.send(batch);
      for (const [index, request] of batch.entries()) this.settle(request, answers[index] === YES);
    } catch (error) {
      await this.settleFailed(batch, error as Error);
    }
    if (this.isPooled) await this.letGo();
  }

  /** Queries that must go to one backend, also when nothing is held. */
  private whilePinned<T>(queries: () => Promise<T>): Promise<T> {
    return this.line.inTurn(async () => {
      await this.line.pin();
      try {
        return await queries();
      } finally {
        await this.letGo();
      }
    });
  }

  /** Lets a pooler have the backend back when nothing is held and no request waits. */
  private async letGo(): Promise<void> {
    if (this.heldCount === 0 && this.waiting.length === 0 && this.end === undefined) await this.line.unpin();
  }

  private settle(request: PendingRequest, succeeded: boolean): void {
    if (succeeded) this.heldCount += request.operation === 'try' ? 1 : -1;
    request.resolve(succeeded);
  }

  private async send(batch: readonly PendingRequest[]): Promise<string> {
    const answers = answersOf(await this.line.query(statementFor(batch)), batch.length);
    for (const [index, { operation, key }] of batch.entries()) {
      // Postgres says false, with a warning, for a lock that is not held: nothing that this session assumes can be
      // trusted.
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
      for (const request of batch) abandon(request, isServerError(error) ? error : this.end);
    }
  }

  /**
   * Finds out what a statement did before it failed half-way: session locks ignore transactions, so what it had taken
   * by then stays taken. What was taken is given to the caller that asked for it, what is still to be unlocked is
   * unlocked.
   */
  private async reconcile(batch: readonly PendingRequest[], error: ServerError): Promise<void> {
    await this.line.repin();
    const held = new Set(await this.line.query(OWN_LOCKS));
    const isHeld = ({ key }: PendingRequest): boolean => held.has(ownLockOf(key));
    const stillLocked = batch.filter((request) => request.operation === 'unlock' && isHeld(request));
    if (stillLocked.length > 0) await this.send(stillLocked);
    for (const request of batch) {
      if (request.operation === 'unlock' || isHeld(request)) this.settle(request, true);
      else request.reject(errorOf(request.key, error));
    }
  }
}

function errorOf({ name }: LockKey, error: ServerError): Error {
  if (error.code === SqlState.outOfMemory) return new LockCapacityError(name, error);
  return new LockConnectionError(error, name);
}

/** A request without a result: a lock counts as not taken, and an unlock is done, as the session frees it by ending. */
function abandon(request: PendingRequest, cause: unknown): void {
  if (request.operation === 'unlock') request.resolve(true);
  else request.reject(new LockConnectionError(cause, request.key.name));
}
