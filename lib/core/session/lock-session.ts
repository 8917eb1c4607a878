import type { Checkup } from '../connection/checkup.js';
import { checkUp } from '../connection/checkup.js';
import type { Connection } from '../connection/connection-source.js';
import type { HeartbeatTimes, SessionTimes } from '../connection/session-times.js';
import { connectionError } from '../errors/lock-connection.error.js';
import { LockShutdownError } from '../errors/lock-shutdown.error.js';
import type { LockKey } from '../key/lock-key.js';
import type { LockMode } from '../options/lock-mode.js';
import { isLockedStatement, isWaitedForStatement } from '../sql/pg-locks-statements.js';
import {
  BACKEND_PID,
  cancelStatement,
  CLEAR_SNAPSHOT,
  listenStatement,
  TRANSACTION_ID,
  UNLISTEN,
  UNLOCK_ALL,
} from '../sql/session-statements.js';
import type { Statement } from '../sql/statement.js';
import { LockRoom } from './lock-room.js';
import { MonitoredConnection } from './monitored-connection.js';
import type { PendingRequest } from './pending-request.js';
import { RequestBatches } from './request-batches.js';

/**
 * One backend that holds any number of locks. Requests that arrive while a statement is in flight travel
 * together in the next one.
 *
 * Postgres counts session locks per backend and would grant one of them twice. So the caller never requests a
 * key that this session holds, or that another request is on its way for: the lock table sees to that.
 */
export class LockSession {
  /** How many locks Postgres has granted to it and has not got back. */
  private heldCount = 0;
  /** How many places in the room it takes: for the locks that it holds, and for those on their way. */
  private places = 0;
  private readonly line: MonitoredConnection;
  private readonly batches: RequestBatches;
  /** Stands for the time in which it receives notifications without a gap. */
  private listening: object | undefined;

  constructor(
    connection: Connection,
    times: HeartbeatTimes,
    /** Called once, when the connection is over or in doubt. Every lock of the session is lost then. */
    onEnd: (session: LockSession, cause: Error) => void,
    /**
     * Whether other sessions, which cannot send a query meanwhile, rely on this one to notice a silent
     * server.
     */
    private readonly watchesForOthers = (): boolean => false,
    private readonly room = new LockRoom(),
    /** Whether it may stay open for long without a use: then it sends no heartbeats meanwhile. */
    mayRest = false,
  ) {
    this.line = new MonitoredConnection(connection, {
      times,
      onEnd: (cause) => {
        this.room.free(this.places);
        this.places = 0;
        onEnd(this, cause);
      },
      isHolding: () => this.heldCount > 0,
      isIdle: () => mayRest && this.isIdle,
      watchesForOthers,
    });
    this.batches = new RequestBatches(
      this.line,
      {
        settle: (request, succeeded) => {
          this.settle(request, succeeded);
        },
        reject: (request, error) => {
          this.freePlace();
          request.reject(error);
        },
      },
      () => this.letGo(),
    );
    this.listening = connection.isListening ? {} : undefined;
  }

  /** Whether it holds nothing, requests nothing, and no wait relies on it. */
  get isIdle(): boolean {
    return this.places === 0 && this.batches.areSettled && !this.watchesForOthers();
  }

  /** Whether its locks are held through a pooler. */
  get isPooled(): boolean {
    return this.line.isPooled;
  }

  /** The pid of its backend; `undefined` while a pooler has not assigned one. */
  get backendPid(): number | undefined {
    return this.line.backendPid;
  }

  /** Whether it receives notifications. */
  get isListening(): boolean {
    return this.listening !== undefined;
  }

  /** Another object after each gap in which it received no notifications; `undefined` in one. */
  get listener(): object | undefined {
    return this.listening;
  }

  /** Whether the backend was heard recently; see {@link MonitoredConnection.isRecent}. */
  get isRecent(): boolean {
    return this.line.isRecent;
  }

  /** How long ago the backend was heard, in milliseconds. */
  get heartbeatAgeMs(): number {
    return this.line.heartbeatAgeMs;
  }

  /** What ended the session; `undefined` while it is alive. */
  get end(): Error | undefined {
    return this.line.end;
  }

  /**
   * Takes a key or gives it back. A try may be rejected with `LOCK_CAPACITY` or `LOCK_CONNECTION`; then the
   * key is not held. An unlock is never rejected: when the session ends first, the key is free.
   *
   * It uses callbacks rather than promises because every lock goes this way; see `SessionLocks.run`. The
   * promise, which all requests of a batch share, resolves when the callback was called. It never rejects.
   */
  request(request: PendingRequest): Promise<void> {
    if (request.operation === 'try' && this.end === undefined) {
      if (!this.room.take()) return this.refuse(request);
      this.places += 1;
    }
    return this.batches.add(request);
  }

  /** Takes the key if no one else holds it, as a promise. */
  tryLock(key: LockKey, mode: LockMode): Promise<boolean> {
    return new Promise((resolve, reject) => {
      void this.request({ operation: 'try', mode, key, resolve, reject });
    });
  }

  /**
   * Runs statements without a time limit, such as the wait for a key, which resolve to whether they have
   * taken a lock. When they have not, it makes certain that no lock is held. Nothing else is sent meanwhile.
   */
  withoutSilenceTimeout(statements: (connection: Connection) => Promise<boolean>): Promise<boolean> {
    return this.line.turns.alone(async () => {
      const { result: hasTaken, isRecent } = await this.line.withoutSilenceTimeout(statements);
      if (hasTaken) this.addWaitedFor();
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
   * Runs a statement that no lock depends on, such as a query about other sessions, and returns the first
   * column. Rejects when the server refuses it, or the session is over.
   */
  query(statement: Statement): Promise<(string | null)[]> {
    return this.whilePinned(async () => {
      // In the transaction that holds the locks through a pooler, Postgres would show the state of the first
      // query.
      if (this.isPooled) await this.line.queryOutsideBatch(CLEAR_SNAPSHOT);
      return this.line.queryOutsideBatch(statement);
    });
  }

  /** Receives no notifications any more, once it resolves. Rejects like {@link query}. */
  async stopListening(): Promise<void> {
    if (!this.line.canListen) return;
    this.listening = undefined;
    await this.query(UNLISTEN);
  }

  /** Receives notifications again, if it can. Rejects like {@link query}. */
  async listen(channels: readonly string[]): Promise<void> {
    if (!this.line.canListen) return;
    for (const channel of channels) await this.query(listenStatement(channel));
    this.listening = {};
  }

  /**
   * Cancels the wait of another backend; resolves when that backend is notified. Rejects when this session is
   * over.
   */
  async cancel(backendPid: number): Promise<void> {
    await this.queryInTurn(cancelStatement(backendPid));
  }

  /** Checks that the backend is alive and still holds the locks. Rejects when the session is over. */
  confirm(): Promise<void> {
    return this.line.confirm();
  }

  /** The id of a transaction of this session that has no other use. Rejects when the session is over. */
  async transactionId(): Promise<bigint> {
    const [transactionId] = await this.queryInTurn(TRANSACTION_ID);
    return BigInt(transactionId ?? '');
  }

  /** Whether any session in the database holds the key. Rejects with `LOCK_CONNECTION`. */
  isLocked(key: LockKey): Promise<boolean> {
    return this.isTrue(isLockedStatement(key), key);
  }

  /**
   * Whether any session in the database waits in Postgres' queue for the key. Rejects with `LOCK_CONNECTION`.
   */
  isWaitedFor(key: LockKey): Promise<boolean> {
    return this.isTrue(isWaitedForStatement(key), key);
  }

  /** Ends the session; when it resolves, all of its locks are free. Requests on their way are rejected. */
  close(reason: Error = new LockShutdownError()): Promise<void> {
    return this.line.close(reason);
  }

  /** Ends the session at once: its locks are lost. */
  fail(cause: Error): void {
    this.line.fail(cause);
  }

  private settle(request: PendingRequest, succeeded: boolean): void {
    const { operation } = request;
    if (succeeded) this.heldCount += operation === 'try' ? 1 : -1;
    // A lock that was not taken, or was given back.
    if (succeeded === (operation === 'unlock')) this.freePlace();
    request.resolve(succeeded);
  }

  private queryInTurn(statement: Statement): Promise<(string | null)[]> {
    return this.line.turns.alone(() => this.line.queryOutsideBatch(statement));
  }

  private async isTrue(statement: Statement, key: LockKey): Promise<boolean> {
    try {
      const [value] = await this.queryInTurn(statement);
      return value === 't';
    } catch (error) {
      throw connectionError(this.end ?? error, key.name);
    }
  }

  /** The lock may nevertheless have been granted at the last moment (madelson/DistributedLock#147). */
  private async unlockAll(): Promise<void> {
    await this.line.repin();
    await this.line.query(UNLOCK_ALL);
  }

  private async refuse(request: PendingRequest): Promise<void> {
    await Promise.resolve();
    request.reject(this.room.refusal(request.key.name));
  }

  /** Runs queries that must go to one backend, even when nothing is held. */
  private whilePinned<T>(queries: () => Promise<T>): Promise<T> {
    return this.line.turns.alone(async () => {
      await this.line.pin();
      try {
        return await queries();
      } finally {
        await this.letGo();
      }
    });
  }

  /** Gives the backend back to a pooler when nothing is held and no request waits. */
  private async letGo(): Promise<void> {
    if (this.heldCount === 0 && !this.batches.isAnyWaiting && this.end === undefined) await this.line.unpin();
  }

  /** A lock that was waited for: that there was room was found out before the wait. */
  private addWaitedFor(): void {
    this.heldCount += 1;
    if (this.end !== undefined) return;
    this.places += 1;
    this.room.add();
  }

  private freePlace(): void {
    if (this.end !== undefined) return;
    this.places -= 1;
    this.room.free();
  }
}
