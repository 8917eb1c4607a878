import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { AdvisoryLockError } from '../errors/advisory-lock.error.js';
import { LockConnectionError } from '../errors/lock-connection.error.js';
import { StandbyError } from '../errors/standby.error.js';
import { GrowingPause } from './growing-pause.js';
import type { ServerFacts } from './handshake.js';
import { DEFAULT_HEARTBEAT_TIMES } from './session-times.js';
import { type Listening, LockConnection, type LockConnectionUse } from './lock-connection.js';
import { isPostgres, proveExclusion, refuseSingleSession } from './self-test.js';
import { type LockConnectionOptions, type PostgresOptions, siblingOptions } from './sibling-options.js';

const DEFAULT_MAX_CONNECTIONS = 4;

/** The pause before the second attempt in a row, in milliseconds. It doubles up to the longest. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;

/** How connections for locks are made. Each optional one has a default. */
export interface LockConnectionsOptions extends Partial<LockConnectionUse> {
  readonly applicationName: string;
  /** Where they differ from the connections of the application. */
  readonly connectionOptions?: LockConnectionOptions | undefined;
  /** How many there may be at a time, the one of the shared session included. */
  readonly maxConnections?: number | undefined;
}

/**
 * Opens connections for locks on a data source of the library. So locks take no connection from the pool of
 * the application, and a connection in doubt can be destroyed without an effect on the application.
 */
export class LockConnections {
  readonly maxConnections: number;
  readonly use: LockConnectionUse;
  private dataSource: Promise<DataSource> | undefined;
  /** The servers whose locks are proven to exclude each other, by their version texts. */
  private readonly proven = new Set<string>();
  private readonly pauses = new GrowingPause(FIRST_PAUSE_MS, MAX_PAUSE_MS);
  private nextAttemptAt = 0;

  constructor(
    private readonly applicationOptions: () => PostgresOptions,
    private readonly options: LockConnectionsOptions,
  ) {
    const { maxConnections = DEFAULT_MAX_CONNECTIONS, pooler = 'detect', frozenAfterMs } = options;
    const { heartbeatMs, lostAfterMs } = DEFAULT_HEARTBEAT_TIMES;
    this.maxConnections = maxConnections;
    this.use = {
      heartbeatMs: options.heartbeatMs ?? heartbeatMs,
      lostAfterMs: options.lostAfterMs ?? lostAfterMs,
      frozenAfterMs,
      pooler,
    };
  }

  /** Throws `LOCK_CONFIGURATION` when it is not known where the database is. */
  checkDatabase(): void {
    this.applicationOptions();
  }

  /**
   * Connects to a primary whose locks exclude each other. Rejects with `LOCK_CONNECTION`, or with
   * `LOCK_CONFIGURATION` when they do not. After a failure it first waits for a growing pause, so that the
   * server is not flooded.
   */
  async open(listening?: Listening): Promise<LockConnection> {
    const options = siblingOptions(this.applicationOptions(), this.options, this.use, this.maxConnections);
    await sleep(Math.max(0, this.nextAttemptAt - performance.now()));
    try {
      const connection = await this.connect(options, listening);
      await this.prove(connection, options);
      this.pauses.reset();
      return connection;
    } catch (error) {
      this.nextAttemptAt = performance.now() + this.pauses.nextMs();
      throw error instanceof AdvisoryLockError ? error : new LockConnectionError(error);
    }
  }

  /** Whether two sessions have proven that locks of this server exclude each other. */
  isProven({ version }: ServerFacts): boolean {
    return this.proven.has(version);
  }

  /** Closes the data source. Its connections must be closed before. */
  async close(): Promise<void> {
    const dataSource = this.dataSource;
    this.dataSource = undefined;
    await (await dataSource)?.destroy();
  }

  private async connect(options: PostgresOptions, listening?: Listening): Promise<LockConnection> {
    this.dataSource ??= this.connectDataSource(options);
    const runner = (await this.dataSource).createQueryRunner('master');
    const connection = await LockConnection.of(runner, this.use, listening);
    if (!connection.server.isInRecovery) return connection;
    connection.destroy();
    throw new StandbyError();
  }

  private async connectDataSource(options: PostgresOptions): Promise<DataSource> {
    // TypeORM takes a quarter of a second to load. The command line does not load it where it needs no
    // database.
    const { DataSource } = await import('typeorm');
    const initializing = new DataSource(options).initialize();
    const stop = new AbortController();
    try {
      return await Promise.race([initializing, this.tooLate(options, stop.signal)]);
    } catch (error) {
      this.dataSource = undefined;
      void initializing.then(
        (late) => late.destroy(),
        () => undefined,
      );
      throw error;
    } finally {
      stop.abort();
    }
  }

  /** TypeORM queries the version of the server, and waits for it without a limit. */
  private async tooLate({ connectTimeoutMS = 0 }: PostgresOptions, signal: AbortSignal): Promise<never> {
    const limitMs = connectTimeoutMS + this.use.lostAfterMs;
    await sleep(limitMs, undefined, { signal });
    throw new Error(`the server did not respond within ${limitMs} ms`);
  }

  /**
   * Makes certain, once, that the server's locks exclude each other. It takes a second connection for a
   * moment.
   */
  private async prove(connection: LockConnection, options: PostgresOptions): Promise<void> {
    const { version } = connection.server;
    if (this.proven.has(version)) return;
    // A pooler may have a single backend, and the second connection would wait for it.
    if (connection.isPooled && isPostgres(version)) return;
    let other: LockConnection | undefined;
    let tooLate: NodeJS.Timeout | undefined;
    try {
      const second = (other = await this.connect(options));
      tooLate = setTimeout(() => {
        for (const each of [connection, second]) each.destroy();
      }, this.use.lostAfterMs);
      await proveExclusion(connection, second);
      this.proven.add(version);
    } catch (error) {
      // The server may have no room for a second connection. Locks of Postgres itself are known to exclude
      // each other.
      if (other === undefined && isPostgres(version)) return;
      connection.destroy();
      if (other === undefined) refuseSingleSession(connection.server);
      throw error;
    } finally {
      clearTimeout(tooLate);
      await other?.close();
    }
  }
}
