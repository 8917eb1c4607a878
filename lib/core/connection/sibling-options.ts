import type { DataSourceOptions } from 'typeorm';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import type { HeartbeatTimes } from './session-times.js';

/** The options of a data source on Postgres. */
export type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/**
 * Where the connections for locks may differ from the application's data source, such as a direct URL that
 * goes around a pooler. The fields are those of TypeORM.
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
 * The options of the library's own data source: the same server, TLS and password as the application's, and
 * none of its entities, migrations, logs or pool.
 */
export function siblingOptions(
  application: PostgresOptions,
  { connectionOptions: overrides = {}, applicationName: defaultName }: SiblingNeeds,
  { heartbeatMs }: HeartbeatTimes,
  maxConnections: number,
): PostgresOptions {
  const { replication, ...single } = application;
  // A replica grants the same key as its primary, so only the master counts.
  const base: PostgresOptions = { ...single, ...replication?.master };
  const applicationName = overrides.applicationName ?? defaultName;
  const extra: Record<string, unknown> = {
    ...(base.extra as object | undefined),
    ...(overrides.extra as object | undefined),
    application_name: applicationName,
    // Between the listeners of the pool and those of TypeORM, a new client has none, and an error would end
    // the process.
    onConnect: (client: ErrorEmitter) => client.on('error', () => undefined),
    max: maxConnections + SPARE_CONNECTIONS,
    min: 0,
    // A wait may take long, and the lock connection has its own heartbeat.
    query_timeout: 0,
    // The kernel notices a vanished server while no query is sent, as during the wait for a lock.
    keepAlive: true,
    keepAliveInitialDelayMillis: Math.max(1_000, Math.min(heartbeatMs, MAX_KEEP_ALIVE_DELAY_MS)),
    // A lock connection must not be replaced because of its age or use.
    maxUses: Infinity,
    maxLifetimeSeconds: 0,
  };
  return {
    ...base,
    ...overrides,
    ...mergedUrl(base, overrides),
    connectTimeoutMS: overrides.connectTimeoutMS ?? base.connectTimeoutMS ?? CONNECT_TIMEOUT_MS,
    applicationName,
    entities: [],
    migrations: [],
    subscribers: [],
    extensions: [],
    synchronize: false,
    migrationsRun: false,
    dropSchema: false,
    cache: false,
    logging: false,
    // The listeners of LockConnection receive the error, too, and know what it means for which lock.
    poolErrorHandler: () => undefined,
    poolSize: maxConnections + SPARE_CONNECTIONS,
    extra,
  };
}

/**
 * In node-postgres a URL takes precedence over single fields, so an override of a field must go into the URL.
 */
function mergedUrl(base: PostgresOptions, overrides: LockConnectionOptions): { url?: string } {
  if (overrides.url !== undefined || base.url === undefined) return {};
  if (typeof overrides.password === 'function') {
    throw new LockConfigurationError(
      'The `password` of `connectionOptions` must be a string when the data source has a `url`, received a ' +
        'function, which node-postgres would ignore in favor of the password of the `url`. Give the data ' +
        'source its address as `host`, `port`, `username` and `database`.',
    );
  }
  const url = new URL(base.url);
  if (overrides.host !== undefined) url.hostname = overrides.host;
  if (overrides.port !== undefined) url.port = String(overrides.port);
  if (overrides.username !== undefined) url.username = encodeURIComponent(overrides.username);
  if (typeof overrides.password === 'string') url.password = encodeURIComponent(overrides.password);
  if (overrides.database !== undefined) url.pathname = `/${encodeURIComponent(overrides.database)}`;
  return { url: url.href };
}
