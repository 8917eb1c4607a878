import type { DataSource } from 'typeorm';
import type { DatabaseOptions } from './connection/connection-config.js';
import type { Notification } from './connection/lock-connection.js';
import type { ConnectionSource } from './connection/connection-source.js';
import { LockConnections, type LockConnectionsOptions } from './connection/lock-connections.js';
import { LockConfigurationError } from './errors/lock-configuration.error.js';
import type { BusyHttpOptions } from './errors/lock-unavailable.error.js';
import { AdvisoryLockEvents } from './events/advisory-lock-events.js';
import type { AroundBody } from './events/around-body.js';
import { ConnectionLog } from './events/connection-log.js';
import { KeyRegistry, type KeyRegistryOptions } from './key/key-registry.js';
import type { LockRuntime } from './lock-runtime.js';
import { DEFAULT_NAME } from './options/default-name.js';
import { type CreateLog, printableLog, SILENT_LOG } from './options/lock-log.js';
import type { Reentry } from './options/reentry.options.js';
import type { SessionPulse } from './session/lock-sessions.js';
import { ServerKeys } from './session/server-keys.js';
import { ServerQueries } from './session/server-queries.js';
import { cancelStatement } from './sql/session-statements.js';
import type { Claims } from './table/claims.js';
import type { KeyStateName } from './table/key-state.js';
import type { LockActivity } from './table/lock-activity.js';
import { LockTable } from './table/lock-table.js';
import { SessionLocks } from './table/session-locks.js';
import { PoolMonitor } from './transaction/pool-monitor.js';
import { TransactionLocks } from './transaction/transaction-locks.js';
import { Transactions } from './transaction/transactions.js';

/** The parts of an engine. Each optional one has a default. */
export interface LockEngineOptions extends KeyRegistryOptions, LockConnectionsOptions {
  /** Names and keys. When it is left out, it is made from `namespace` and `keyScheme`. */
  readonly keys?: KeyRegistry | undefined;
  /**
   * Where the database is. Called before each connection. Throws `LOCK_CONFIGURATION` when it is not known.
   */
  readonly database: () => DatabaseOptions;
  /** Opens the connections for locks, in the place of connections to the database. */
  readonly connections?: ConnectionSource | undefined;
  /** The application's data source, for locks of its transactions. Without it there are no such locks. */
  readonly dataSource?: (() => DataSource) | undefined;
  /** How many locks this process may hold at once. By default half of what the server has room for. */
  readonly maxLocks?: number | undefined;
  /** After this many hand-offs inside the process it is the turn of other processes. */
  readonly maxLocalHandoffs?: number | undefined;
  /** How a busy lock is shown to HTTP clients, where the options of the call do not say so. */
  readonly http?: BusyHttpOptions | undefined;
  /** What a request for a lock does inside that lock, where the options of the call do not say so. */
  readonly reentry?: Reentry | undefined;
  /** The name that events carry. */
  readonly name?: string | undefined;
  readonly createLog?: CreateLog | undefined;
  /** What runs the bodies of locks, such as tracing. */
  readonly aroundBody?: AroundBody | undefined;
  /**
   * The channels that the shared session listens to, by the pid of its backend. Without it, it does not
   * listen.
   */
  readonly channelsOf?: ((backendPid: number) => readonly string[]) | undefined;
  /** Called for each change of the state of a key. */
  readonly onTransition?: ((from: KeyStateName, to: KeyStateName) => void) | undefined;
}

/**
 * All of core in one piece: composes its parts and closes them. The module, the CLI, migrations and tests
 * open one.
 */
export class LockEngine implements LockRuntime {
  readonly keys: KeyRegistry;
  readonly events: AdvisoryLockEvents;
  readonly createLog: CreateLog;
  readonly locks: SessionLocks;
  readonly transactionLocks: TransactionLocks;
  readonly server: ServerQueries;
  readonly serverKeys: ServerKeys;
  /** The locks by their keys, below names, options and events. */
  readonly table: LockTable;
  private readonly connections: ConnectionSource;
  private readonly transactions: Transactions;
  private readonly notificationListeners = new Set<(notification: Notification) => void>();

  private constructor(options: LockEngineOptions) {
    const { createLog = () => SILENT_LOG, http = {}, name = DEFAULT_NAME, reentry = 'refuse' } = options;
    this.createLog = (context) => printableLog(createLog(context));
    this.keys = options.keys ?? new KeyRegistry(options);
    this.events = new AdvisoryLockEvents(name, this.createLog('AdvisoryLockEvents'), options.aroundBody);
    this.connections = options.connections ?? new LockConnections(options.database, options);
    this.table = new LockTable(this.connections, {
      maxLocks: options.maxLocks,
      maxLocalHandoffs: options.maxLocalHandoffs,
      connectionLog: new ConnectionLog(this.createLog('AdvisoryLock'), this.events),
      channelsOf: options.channelsOf,
      onNotification: (notification) => {
        for (const listener of this.notificationListeners) listener(notification);
      },
      onTransition: options.onTransition,
    });
    this.server = new ServerQueries(this.table.sessions, this.connections);
    this.serverKeys = new ServerKeys(this.keys, this.server);
    const { dataSource } = options;
    this.transactions = new Transactions(dataSource ?? noDataSource);
    this.locks = new SessionLocks({
      keys: this.keys,
      serverKeys: this.serverKeys,
      table: this.table,
      events: this.events,
      http,
      reentry,
      isHeldByTransaction: (keyId) => dataSource !== undefined && this.transactions.isHeld(keyId),
    });
    this.transactionLocks = new TransactionLocks(
      this.locks,
      this.keys,
      this.transactions,
      this.events,
      this.serverKeys,
      (backendPid) => this.server.query(cancelStatement(backendPid)),
      new PoolMonitor(this.createLog('AdvisoryLock')),
    );
  }

  /** Opens an engine. It connects when the first lock is requested. */
  static open(options: LockEngineOptions): LockEngine {
    return new LockEngine(options);
  }

  get claims(): Claims {
    return this.table.claims;
  }

  get activities(): readonly LockActivity[] {
    return this.table.activities;
  }

  get backendPids(): readonly number[] {
    return this.table.sessions.backendPids;
  }

  get connectionCounts(): { readonly open: number; readonly allowed: number } {
    return this.table.sessions.connectionCounts;
  }

  get lockCounts(): { readonly used: number; readonly allowed?: number } {
    const { used, allowed } = this.table.room;
    return { used, ...(allowed !== undefined && { allowed }) };
  }

  get pulse(): SessionPulse | undefined {
    return this.table.sessions.pulse;
  }

  get closeSignal(): AbortSignal {
    return this.table.closeSignal;
  }

  get isClosed(): boolean {
    return this.table.isClosed;
  }

  get isDrained(): boolean {
    return this.table.isDrained;
  }

  /** Throws `LOCK_CONFIGURATION` when it is not known where the database is. */
  checkDatabase(): void {
    this.connections.checkDatabase();
  }

  failSession(cause: Error): void {
    this.table.sessions.fail(cause);
  }

  onNotification(listener: (notification: Notification) => void): () => void {
    this.notificationListeners.add(listener);
    return () => {
      this.notificationListeners.delete(listener);
    };
  }

  /**
   * Takes no more locks, gives running bodies and transactions that many milliseconds to end, takes the locks
   * from those that go on, and closes the connections. A second call waits for the first. Never rejects.
   */
  async close(graceMs: number): Promise<void> {
    await Promise.all([this.table.close(graceMs), this.transactions.close(graceMs)]);
  }
}

function noDataSource(): never {
  throw new LockConfigurationError(
    'A transaction that is opened for a lock needs a TypeORM data source, received none: there is the ' +
      'option `postgres`, or no `dataSource`. Take the lock in a transaction of your own client, by ' +
      'lockInTransaction(tx, name), or around it, by withLock(name, body) with the transaction inside.',
  );
}
