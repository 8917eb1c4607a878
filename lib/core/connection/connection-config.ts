import type { ConnectionOptions, TlsOptions } from 'node:tls';
import type { DataSourceOptions } from 'typeorm';
import { addressOf, type ConnectionConfig, differentAddress } from './database-address.js';
import type { PostgresConfig } from './postgres-config.js';
import type { HeartbeatTimes } from './session-times.js';

/** The options of a data source on Postgres. */
export type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** Where the database is: the options of a TypeORM data source, or those of a client of node-postgres. */
export type DatabaseOptions = PostgresOptions | PostgresConfig;

/**
 * Where the connections for locks may differ from the application's, such as a direct URL that goes around a
 * pooler. The fields have the names of TypeORM, also beside the module option `postgres`. Single fields win
 * over a `url`, here and in the data source.
 *
 * @example
 * ```ts
 * AdvisoryLockModule.forRoot({ connectionOptions: { url: process.env.DIRECT_DATABASE_URL } });
 * ```
 */
export interface LockConnectionOptions {
  /**
   * An address such as `postgres://user:password@host:5432/database`.
   * @default none
   */
  readonly url?: string | undefined;
  /**
   * The host, or the folder of a socket.
   * @default that of the application
   */
  readonly host?: string | undefined;
  /**
   * The port.
   * @default that of the application; 5432 beside a `url`
   */
  readonly port?: number | undefined;
  /**
   * The role.
   * @default that of the application
   */
  readonly username?: string | undefined;
  /**
   * The password, or a function that is called for each connection.
   * @default that of the application, for the same role
   */
  readonly password?: string | (() => string) | (() => Promise<string>) | undefined;
  /**
   * The database. Locks of different databases do not exclude each other.
   * @default that of the application
   */
  readonly database?: string | undefined;
  /**
   * Whether the connection is encrypted, or how.
   * @default as that of the application
   */
  readonly ssl?: boolean | TlsOptions | ConnectionOptions | undefined;
  /**
   * How long a connection attempt may take, in milliseconds.
   * @default that of the application, or else 10_000
   */
  readonly connectTimeoutMS?: number | undefined;
  /**
   * Replaces the name by which `pg_stat_activity` shows which instance a connection belongs to.
   * @default `nestjs-advisory-lock <instance>`
   */
  readonly applicationName?: string | undefined;
  /**
   * Options of node-postgres that belong to an address, such as `options` and `sslnegotiation`. Others have
   * no effect.
   * @default none
   */
  readonly extra?: object | undefined;
}

/** What {@link connectionConfig} needs to know. */
interface ConnectionNeeds {
  readonly connectionOptions?: LockConnectionOptions | undefined;
  readonly applicationName: string;
}

const MAX_KEEP_ALIVE_DELAY_MS = 60_000;

/**
 * How long a connection attempt may take when the options of the application have no limit, in milliseconds.
 */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * What the library's own clients of node-postgres get: the server, credentials and encryption of the
 * application's, and nothing else of it. They are passed as fields, because in node-postgres what stands in a
 * connection string wins over the options beside it.
 */
export function connectionConfig(
  database: DatabaseOptions,
  { connectionOptions: overrides = {}, applicationName }: ConnectionNeeds,
  { heartbeatMs }: Pick<HeartbeatTimes, 'heartbeatMs'>,
): ConnectionConfig {
  const ofApplication = isOfTypeOrm(database)
    ? typeOrmConfig(database, credentialsOf(database))
    : (database as ConnectionConfig);
  const own = typeOrmConfig(overrides, overrides);
  return {
    ...differentAddress(addressOf(ofApplication), own),
    connectionTimeoutMillis: timeoutOf(own) ?? timeoutOf(ofApplication) ?? CONNECT_TIMEOUT_MS,
    application_name: overrides.applicationName ?? applicationName,
    // A wait may take long, and the lock connection has its own heartbeat.
    query_timeout: 0,
    // The kernel notices a vanished server while no query is sent, as during the wait for a lock.
    keepAlive: true,
    keepAliveInitialDelayMillis: Math.max(1_000, Math.min(heartbeatMs, MAX_KEEP_ALIVE_DELAY_MS)),
  };
}

/** Whether these are options of TypeORM. Those of node-postgres have no type. */
export function isOfTypeOrm(database: DatabaseOptions): database is PostgresOptions {
  return 'type' in database;
}

/**
 * The options with the address of the primary. A replica grants the same key as its primary. Beside
 * `replication`, TypeORM reads no address from the options themselves.
 */
function credentialsOf(application: PostgresOptions): LockConnectionOptions {
  return application.replication?.master ?? application;
}

/** What TypeORM passes to node-postgres. Its `extra` wins over single fields. */
function typeOrmConfig(
  { connectTimeoutMS, extra }: LockConnectionOptions,
  { url, host, port, username, password, database, ssl }: LockConnectionOptions,
): ConnectionConfig {
  return {
    connectionString: url,
    host,
    port,
    user: username,
    password,
    database,
    ssl,
    connectionTimeoutMillis: connectTimeoutMS,
    ...extra,
  };
}

/** Without a limit, an attempt could take as long as the server is silent. */
function timeoutOf({ connectionTimeoutMillis }: ConnectionConfig): number | undefined {
  return typeof connectionTimeoutMillis === 'number' ? connectionTimeoutMillis || undefined : undefined;
}
