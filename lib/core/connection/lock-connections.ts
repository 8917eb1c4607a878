import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { AdvisoryLockError } from '../errors/advisory-lock.error.js';
import { LockConnectionError } from '../errors/lock-connection.error.js';
import { StandbyError } from '../errors/standby.error.js';
import { GrowingPause } from './growing-pause.js';
import type { ServerFacts } from './handshake.js';
import { DEFAULT_HEARTBEAT_TIMES } from './session-times.js';
import { type Listening, LockConnection, type LockConnectionUse } from './lock-connection.js';
import { isPostgres, proveExclusion } from './self-test.js';
import { type LockConnectionOptions, type PostgresOptions, siblingOptions } from './sibling-options.js';

const DEFAULT_MAX_CONNECTIONS = 4;

/** The pause before the second attempt in a row, in milliseconds; it doubles up to the longest. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;

/** How connections for locks are made. What is left out has its default. */
export interface LockConnectionsOptions extends Partial<LockConnectionUse> {
  readonly applicationName: string;
  /** What they have otherwise than the application's. */
  readonly connectionOptions?: LockConnectionOptions | undefined;
  /** How many there may be at a time, the one for locks that are not waited for included. */
  readonly maxConnections?: number | undefined;
}

/**
 * Opens connections for locks on a data source of the library's own: the application's pool stays whole, however many locks
 * are held, and a connection in doubt can be destroyed without asking anybody.
 */
export class LockConnections {
  readonly maxConnections: number;
  readonly use: LockConnectionUse;
  private dataSource: Promise<DataSource> | undefined;
  /** The servers of which it is proven that their locks exclude, by what they say of themselves. */
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
   * Connects to a primary whose locks exclude; rejects with `LOCK_CONNECTION`, or with `LOCK_CONFIGURATION` when they do not. After a
   * failure it first lets a pause go by, so that nothing hammers.
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

  /** Whether two sessions have shown that locks exclude on this server. */
  isProven({ version }: ServerFacts): boolean {
    return this.proven.has(version);
  }

  /** Closes the data source; connections have to be closed before. */
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
    // TypeORM takes a quarter of a second to load, which the command line does without where it needs no database.
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

  /** TypeORM asks the server for its version, and waits for the answer for ever. */
  private async tooLate({ connectTimeoutMS = 0 }: PostgresOptions, signal: AbortSignal): Promise<never> {
    const limitMs = connectTimeoutMS + this.use.lostAfterMs;
    await sleep(limitMs, undefined, { signal });
    throw new Error(`the server did not answer within ${limitMs} ms`);
  }

  /** Makes sure, once, that the server's locks exclude. It takes a second connection for a moment. */
  private async prove(connection: LockConnection, options: PostgresOptions): Promise<void> {
    const { version } = connection.server;
    if (this.proven.has(version)) return;
    // A pooler may have a single backend to give, and keep the second connection waiting for it.
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
      // The server may have no room for a second connection. Of Postgres itself it is known.
      if (other === undefined && isPostgres(version)) return;
      connection.destroy();
      throw error;
    } finally {
      clearTimeout(tooLate);
      await other?.close();
    }
  }
}
