import type { DataSourceOptions } from 'typeorm';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import type { HeartbeatTimes } from './session-times.js';

/** The options of a data source on Postgres. */
export type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** What the lock connection may have otherwise than the application's data source, such as a direct URL round a pooler. */
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

/** What {@link siblingOptions} has to be told. */
interface SiblingNeeds {
  readonly connectionOptions?: LockConnectionOptions | undefined;
  readonly applicationName: string;
}

/** For the test whether the server's locks exclude, and for fencing tokens through a pooler. */
const SPARE_CONNECTIONS = 1;

const MAX_KEEP_ALIVE_DELAY_MS = 60_000;

/** How long connecting may take when the application's options say nothing, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The options of the library's own data source: the same server as the application's, the same TLS and password, and none of
 * its entities, migrations, logs or pool.
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
    // Between the listeners of the pool and those of TypeORM a fresh client has none, and an error then would end the process.
    onConnect: (client: ErrorEmitter) => client.on('error', () => undefined),
    max: maxConnections + SPARE_CONNECTIONS,
    min: 0,
    // A wait may take long, and the lock connection watches itself.
    query_timeout: 0,
    // The kernel notices a vanished server where nothing is asked, as while a lock is waited for.
    keepAlive: true,
    keepAliveInitialDelayMillis: Math.max(1_000, Math.min(heartbeatMs, MAX_KEEP_ALIVE_DELAY_MS)),
    // A lock connection is neither too old nor too often used as long as it lives.
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
    // The listeners of LockConnection are told too, and know what the error means for whom.
    poolErrorHandler: () => undefined,
    poolSize: maxConnections + SPARE_CONNECTIONS,
    extra,
  };
}

/** node-postgres lets a URL win over single fields, so overriding a field of a URL means writing it into the URL. */
function mergedUrl(base: PostgresOptions, overrides: LockConnectionOptions): { url?: string } {
  if (overrides.url !== undefined || base.url === undefined) return {};
  if (typeof overrides.password === 'function') {
    throw new LockConfigurationError(
      'The `password` of `connectionOptions` is a function, but the data source has a `url`, and node-postgres would take the password of ' +
        'that without asking. Give the data source its address as `host`, `port`, `username` and `database`.',
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
