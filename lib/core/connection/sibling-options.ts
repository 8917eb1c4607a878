import type { DataSourceOptions } from 'typeorm';
import {
  addressOf,
  type ConnectionConfig,
  type DatabaseAddress,
  differentAddress,
} from './database-address.js';
import type { HeartbeatTimes } from './session-times.js';

/** The options of a data source on Postgres. */
export type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/**
 * Where the connections for locks may differ from the application's data source, such as a direct URL that
 * goes around a pooler. The fields are those of TypeORM. Single fields win over a `url`, here and in the data
 * source. Of `extra`, the options of node-postgres that belong to an address are taken over, such as
 * `options` and `sslnegotiation`.
 *
 * @example
 * ```ts
 * AdvisoryLockModule.forRoot({ connectionOptions: { url: process.env.DIRECT_DATABASE_URL } });
 * ```
 */
export type LockConnectionOptions = Partial<
  Pick<
    PostgresOptions,
    | 'url'
    | 'host'
    | 'port'
    | 'username'
    | 'password'
    | 'database'
    | 'ssl'
    | 'connectTimeoutMS'
    | 'applicationName'
    | 'extra'
  >
>;

interface ErrorEmitter {
  on(event: 'error', listener: () => void): unknown;
}

/** What {@link siblingOptions} needs to know. */
interface SiblingNeeds {
  readonly connectionOptions?: LockConnectionOptions | undefined;
  readonly applicationName: string;
}

/** For the test whether the server's locks exclude each other, and for fencing tokens through a pooler. */
const SPARE_CONNECTIONS = 1;

const MAX_KEEP_ALIVE_DELAY_MS = 60_000;

/**
 * How long a connection attempt may take when the options of the application have no limit, in milliseconds.
 */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The options of the library's own data source: the server, credentials and encryption of the application's,
 * and nothing else of it. They are passed as fields, because in node-postgres what stands in a connection
 * string wins over the options beside it.
 */
export function siblingOptions(
  application: PostgresOptions,
  { connectionOptions: overrides = {}, applicationName: defaultName }: SiblingNeeds,
  { heartbeatMs }: HeartbeatTimes,
  maxConnections: number,
): PostgresOptions {
  const applicationConfig = configOf(application, credentialsOf(application));
  const ownConfig = configOf(overrides, overrides);
  const address = differentAddress(addressOf(applicationConfig), ownConfig);
  const { host, port, user, password, database, ssl, ...extraAddress } = address;
  const applicationName = overrides.applicationName ?? defaultName;
  const extra: Record<string, unknown> = {
    ...extraAddress,
    application_name: applicationName,
    // Between the listeners of the pool and those of TypeORM, a new client has none, and an error would end
    // the process.
    onConnect: (client: ErrorEmitter) => client.on('error', () => undefined),
    // A wait may take long, and the lock connection has its own heartbeat.
    query_timeout: 0,
    // The kernel notices a vanished server while no query is sent, as during the wait for a lock.
    keepAlive: true,
    keepAliveInitialDelayMillis: Math.max(1_000, Math.min(heartbeatMs, MAX_KEEP_ALIVE_DELAY_MS)),
  };
  return {
    type: 'postgres',
    ...driverOf(application),
    ...fieldsOf({ host, port, user, password, database, ssl }),
    connectTimeoutMS: timeoutOf(ownConfig) ?? timeoutOf(applicationConfig) ?? CONNECT_TIMEOUT_MS,
    applicationName,
    logging: false,
    // The listeners of LockConnection receive the error, too, and know what it means for which lock.
    poolErrorHandler: () => undefined,
    poolSize: maxConnections + SPARE_CONNECTIONS,
    extra,
  };
}

/**
 * The options with the address of the primary. A replica grants the same key as its primary. Beside
 * `replication`, TypeORM reads no address from the options themselves.
 */
function credentialsOf(application: PostgresOptions): LockConnectionOptions {
  return application.replication?.master ?? application;
}

/** What TypeORM passes to node-postgres. Its `extra` wins over single fields. */
function configOf(
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
    ...(extra as object | undefined),
  };
}

function timeoutOf({ connectionTimeoutMillis }: ConnectionConfig): number | undefined {
  return typeof connectionTimeoutMillis === 'number' ? connectionTimeoutMillis : undefined;
}

/** The copy of node-postgres that the application uses. */
function driverOf({ driver, nativeDriver }: PostgresOptions): Partial<PostgresOptions> {
  return {
    ...(driver !== undefined && { driver: driver as unknown }),
    ...(nativeDriver !== undefined && { nativeDriver: nativeDriver as unknown }),
  };
}

/** The fields of TypeORM for the fields of node-postgres, without those that are missing. */
function fieldsOf({ host, port, user, password, database, ssl }: DatabaseAddress): Partial<PostgresOptions> {
  const fields = { host, port: port && Number(port), username: user, password, database, ssl };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
