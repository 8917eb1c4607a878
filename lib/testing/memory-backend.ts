import { hash } from 'node:crypto';
import {
  BACKEND_PID,
  CHECKUP,
  CLEAR_SNAPSHOT,
  type Connection,
  IS_GRANTED,
  type LockMode,
  OWN_LOCKS,
  ownLockIn,
  ownLockOf,
  type ServerFacts,
  SqlState,
  sqlStateOf,
  type Statement,
  TRANSACTION_ID,
  UNLOCK_ALL,
} from '../core/index.js';
import type { Grant, MemoryLocks } from './memory-locks.js';
import { requestsOf, type ScriptedLock, scriptedLock } from './scripts.js';
import { serverError } from './server-error.js';

/** What a backend needs of its server. */
export interface BackendServer {
  readonly locks: MemoryLocks;
  /** What a checkup finds, as its statement returns it. */
  readonly checkup: object;
  nextTransactionId(): bigint;
  /** What an inspection finds, as its statement returns it. */
  inspect(ownPid: number, keys: string): object;
  /** The backend has ended: its locks become free. */
  forget(pid: number): void;
}

/** One backend of the server in memory. It runs the statements that the library sends for locks. */
export class MemoryBackend implements Connection {
  readonly isPooled = false;
  readonly isListening = false;
  readonly ended: Promise<Error>;
  readonly server: ServerFacts;
  private end!: (cause: Error) => void;
  private endCause: Error | undefined;
  /** The result of the last wait, until it is read. */
  private result = '';

  constructor(
    private readonly memory: BackendServer,
    readonly pid: number,
    readonly applicationName: string,
  ) {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    this.server = {
      backendPid: pid,
      version: 'Locks in memory',
      versionNumber: 180_000,
      isInRecovery: false,
      lockTableCapacity: null,
    };
  }

  get announcedPid(): number {
    return this.pid;
  }

  get backendPid(): number {
    return this.pid;
  }

  async query(statement: Statement): Promise<(string | null)[]> {
    // No result comes before the caller goes on.
    await Promise.resolve();
    if (this.endCause !== undefined) throw this.endCause;
    return this.resultOf(statement);
  }

  async run(script: string): Promise<Readonly<Record<string, unknown>>[]> {
    await Promise.resolve();
    if (this.endCause !== undefined) throw this.endCause;
    const lock = scriptedLock(script);
    if (lock !== undefined) this.result = (await this.isGranted(lock, 'session')) ? 'y' : '';
    return [];
  }

  async queryAfter(script: string, statement: Statement): Promise<(string | null)[]> {
    await this.run(script);
    return this.query(statement);
  }

  canPipeline(): boolean {
    return true;
  }

  pin(): Promise<void> {
    return Promise.resolve();
  }

  unpin(): Promise<void> {
    return Promise.resolve();
  }

  repin(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.fail(new Error('the connection was closed'));
    return Promise.resolve();
  }

  destroy(): void {
    this.fail(new Error('the connection was closed'));
  }

  /** Ends the backend. Its holders are notified before its locks are free, as by a server that goes away. */
  fail(cause: Error): void {
    if (this.endCause !== undefined) return;
    this.endCause = cause;
    this.end(cause);
    this.memory.locks.cancel(this.pid, cause);
    queueMicrotask(() => {
      this.memory.forget(this.pid);
    });
  }

  /**
   * Waits for a lock in the queue of the server; resolves to false when the time is over, or it is
   * canceled.
   */
  async isGranted(lock: ScriptedLock, scope: Grant['scope']): Promise<boolean> {
    try {
      await this.waitFor(lock, scope);
      return true;
    } catch (error) {
      const state = sqlStateOf(error);
      if (state === SqlState.lockNotAvailable || state === SqlState.queryCanceled) return false;
      throw error;
    }
  }

  private async waitFor({ key, mode, timeoutMs }: ScriptedLock, scope: Grant['scope']): Promise<void> {
    const { locks } = this.memory;
    const granted = locks.wait({ pid: this.pid, key, mode, scope });
    if (timeoutMs === 0) return granted;
    const timer = setTimeout(() => {
      locks.cancel(
        this.pid,
        serverError(SqlState.lockNotAvailable, 'canceling statement due to lock timeout'),
      );
    }, timeoutMs);
    try {
      await granted;
    } finally {
      clearTimeout(timer);
    }
  }

  private resultOf(statement: Statement): (string | null)[] {
    const { locks } = this.memory;
    const requests = requestsOf(statement);
    if (requests !== undefined) {
      const results = requests.map(({ operation, mode, key }) =>
        operation === 'try' ? locks.take(this.grantOf(key, mode)) : locks.release(this.grantOf(key, mode)),
      );
      return [results.map((isDone) => (isDone ? 'y' : 'n')).join('')];
    }
    const { name, text } = statement;
    const values = (statement.values ?? []).map((value) => value ?? '');
    switch (text) {
      case BACKEND_PID.text:
        return [String(this.pid)];
      case TRANSACTION_ID.text:
        return [String(this.memory.nextTransactionId())];
      case CLEAR_SNAPSHOT.text:
        return [''];
      case UNLOCK_ALL.text:
        locks.releaseAll(this.pid, 'session');
        return [''];
      case OWN_LOCKS.text:
        return locks.rows.flatMap(({ pid, mode, key, isGranted }) =>
          pid === this.pid && isGranted ? ownLockIn(mode, key) : [],
        );
      case IS_GRANTED.text: {
        const { result } = this;
        this.result = '';
        return [result];
      }
      case CHECKUP:
        return [JSON.stringify(this.memory.checkup)];
      default:
    }
    if (name === 'advisory_lock_is_locked' || name === 'advisory_lock_is_waited_for') {
      const isHeld = name === 'advisory_lock_is_locked';
      const [id, rows] = [values.join(':'), locks.rows];
      return [rows.some(({ key, isGranted }) => isGranted === isHeld && ownLockOf(key) === id) ? 't' : 'f'];
    }
    return this.otherResultOf(text, values);
  }

  private otherResultOf(text: string, values: readonly string[]): (string | null)[] {
    if (text.includes('pg_cancel_backend')) {
      const canceled = serverError(SqlState.queryCanceled, 'canceling statement due to user request');
      this.memory.locks.cancel(Number(values[0]), canceled);
      return ['t'];
    }
    if (text.includes('current_database()') && text.includes("'backends'"))
      return [JSON.stringify(this.memory.inspect(this.pid, values[0] ?? '{}'))];
    if (text === 'SELECT pg_catalog.current_database()') return ['memory'];
    // Any formula does, as no other program meets it here.
    if (text.includes('hashtext')) {
      const names = JSON.parse(values[0] ?? '[]') as string[];
      return names.map((name) => String(hash('sha256', `${text}${name}`, 'buffer').readInt32BE(0)));
    }
    throw serverError(
      SqlState.featureNotSupported,
      'the locks in memory of nestjs-advisory-lock/testing cannot run this statement, which needs a server',
    );
  }

  private grantOf(key: Grant['key'], mode: LockMode): Grant {
    return { pid: this.pid, key, mode, scope: 'session' };
  }
}
