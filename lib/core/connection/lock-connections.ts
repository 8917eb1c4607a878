import { setTimeout as sleep } from 'node:timers/promises';
import { connectionConfig, type DatabaseOptions, type LockConnectionOptions } from './connection-config.js';
import { AdvisoryLockError } from '../errors/advisory-lock.error.js';
import { LockConnectionError } from '../errors/lock-connection.error.js';
import { StandbyError } from '../errors/standby.error.js';
import { GrowingPause } from './growing-pause.js';
import type { ServerFacts } from './handshake.js';
import { DEFAULT_HEARTBEAT_TIMES } from './session-times.js';
import { type Listening, LockConnection, type LockConnectionUse, type PgClient } from './lock-connection.js';
import { openPool, type PgPool } from './pg-pool.js';
import { isPostgres, proveExclusion, refuseSingleSession } from './self-test.js';

const DEFAULT_MAX_CONNECTIONS = 4;

/** For the test whether the server's locks exclude each other, and for fencing tokens through a pooler. */
const SPARE_CONNECTIONS = 1;

/** The pause before the second attempt in a row, in milliseconds. It doubles up to the longest. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;

type OpeningPool = Promise<PgPool<PgClient>>;

/** How connections for locks are made. Each optional one has a default. */
export interface LockConnectionsOptions extends Partial<LockConnectionUse> {
  readonly applicationName: string;
  /** Where they differ from the connections of the application. */
  readonly connectionOptions?: LockConnectionOptions | undefined;
  /** How many there may be at a time, the one of the shared session included. */
  readonly maxConnections?: number | undefined;
}

/**
 * Opens connections for locks in a pool of the library. So locks take no connection from the pool of the
 * application, and a connection in doubt can be destroyed without an effect on the application.
 */
export class LockConnections {
  readonly maxConnections: number;
  readonly use: LockConnectionUse;
  private pool: OpeningPool | undefined;
  /** The servers whose locks are proven to exclude each other, by their version texts. */
  private readonly proven = new Set<string>();
  private readonly pauses = new GrowingPause(FIRST_PAUSE_MS, MAX_PAUSE_MS);
  private nextAttemptAt = 0;

  constructor(
    private readonly database: () => DatabaseOptions,
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
    this.database();
  }

  /**
   * Connects to a primary whose locks exclude each other. Rejects with `LOCK_CONNECTION`, or with
   * `LOCK_CONFIGURATION` when they do not. After a failure it first waits for a growing pause, so that the
   * server is not flooded.
   */
  async open(listening?: Listening): Promise<LockConnection> {
    const database = this.database();
    const config = connectionConfig(database, this.options, this.use);
    await sleep(Math.max(0, this.nextAttemptAt - performance.now()));
    try {
      this.pool ??= openPool(database, { ...config, max: this.maxConnections + SPARE_CONNECTIONS });
      const connection = await this.connect(this.pool, listening);
      await this.prove(connection, this.pool);
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

  /** Closes the pool. Its connections must be closed before. */
  async close(): Promise<void> {
    const { pool } = this;
    this.pool = undefined;
    await (await pool)?.end();
  }

  private async connect(pool: OpeningPool, listening?: Listening): Promise<LockConnection> {
    const connection = await LockConnection.of(await this.takeClient(pool), this.use, listening);
    if (!connection.server.isInRecovery) return connection;
    connection.destroy();
    throw new StandbyError();
  }

  private async takeClient(opening: OpeningPool): Promise<PgClient> {
    try {
      return await (await opening).connect();
    } catch (error) {
      // The options of the application may have changed since.
      if (this.pool === opening) this.pool = undefined;
      void opening.then((pool) => pool.end()).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Makes certain, once, that the server's locks exclude each other. It takes a second connection for a
   * moment.
   */
  private async prove(connection: LockConnection, pool: OpeningPool): Promise<void> {
    const { version } = connection.server;
    if (this.proven.has(version)) return;
    // A pooler may have a single backend, and the second connection would wait for it.
    if (connection.isPooled && isPostgres(version)) return;
    let other: LockConnection | undefined;
    let tooLate: NodeJS.Timeout | undefined;
    try {
      const second = (other = await this.connect(pool));
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
