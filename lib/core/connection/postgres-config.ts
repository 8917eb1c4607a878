import type { ConnectionOptions } from 'node:tls';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { describe } from '../key/lock-key.js';
import { addressOf, type ConnectionConfig, type DatabaseAddress, parseAddress } from './database-address.js';

/** What a client of node-postgres takes, and the library sets by itself. */
type IgnoredField =
  | 'application_name'
  | 'binary'
  | 'client_encoding'
  | 'fallback_application_name'
  | 'idle_in_transaction_session_timeout'
  | 'keepAlive'
  | 'keepAliveInitialDelayMillis'
  | 'lock_timeout'
  | 'pipeline'
  | 'query_timeout'
  | 'statement_timeout'
  | 'types';

/**
 * Where the database is, by the options of a client of node-postgres: `pg.ClientConfig` is one. What is
 * missing is read from the environment (`PGHOST`, `PGPASSWORD`, …), and what stands in `connectionString`
 * wins over the fields beside it, as in node-postgres. Timeouts, `application_name`, `types` and the like
 * have no effect, so that the options of the application can be passed as they are: the library sets its own.
 *
 * @example
 * ```ts
 * AdvisoryLockModule.forRoot({
 *   postgres: { host: 'db', user: 'shop', database: 'shop', password: () => vault.read('db-password') },
 * })
 * ```
 */
export interface PostgresConfig extends Readonly<Partial<Record<IgnoredField, unknown>>> {
  /** An address such as `postgres://user:password@host:5432/database`. */
  readonly connectionString?: string | undefined;
  /** The host, or the folder of a socket. */
  readonly host?: string | undefined;
  /** The port. */
  readonly port?: number | undefined;
  /** The role. */
  readonly user?: string | undefined;
  /** The password, or a function that is called for each connection, such as for a token of AWS IAM. */
  readonly password?: string | ((...parameters: never[]) => string | Promise<string>) | undefined;
  /** The database. */
  readonly database?: string | undefined;
  /** Whether the connection is encrypted, or how. */
  readonly ssl?: boolean | ConnectionOptions | undefined;
  /** How TLS begins. */
  readonly sslnegotiation?: 'postgres' | 'direct' | undefined;
  /** Whether the authentication is bound to the TLS channel, where the server offers it. */
  readonly enableChannelBinding?: boolean | undefined;
  /** The most iterations of SCRAM that a server may ask for. */
  readonly scramMaxIterations?: number | undefined;
  /** Options for the server, such as `-c search_path=shop`, or the endpoint of Neon. */
  readonly options?: string | undefined;
  /** A function that makes a socket for each connection, such as through a tunnel. */
  readonly stream?: ((...parameters: never[]) => unknown) | undefined;
  /**
   * How long a connection attempt may take, in milliseconds.
   * @default 10_000
   */
  readonly connectionTimeoutMillis?: number | undefined;
}

/** What other libraries call it. Ignored, it would lead to the database of the environment. */
const FOREIGN_FIELDS = {
  url: 'connectionString',
  uri: 'connectionString',
  username: 'user',
  connectTimeoutMS: 'connectionTimeoutMillis',
} as const;

/**
 * The options of a client of node-postgres for the value of an option. Throws `LOCK_CONFIGURATION`, without
 * any part of an address, for one that cannot be used.
 *
 * @param option - how messages name it.
 */
export function readPostgresConfig(value: unknown, option: string): PostgresConfig {
  if (typeof value === 'string' && value !== '') return readAddress(value, option);
  if (typeof value !== 'object' || value === null || value instanceof URL || 'connect' in value) {
    throw new LockConfigurationError(
      `${option} must be a connection string, such as postgres://user:password@host:5432/database, or the ` +
        `options of a client of node-postgres, received ${describe(value)}.`,
    );
  }
  for (const [foreign, own] of Object.entries(FOREIGN_FIELDS)) {
    if (foreign in value) {
      throw new LockConfigurationError(
        `${option} must have the options of a client of node-postgres, received \`${foreign}\`, which it ` +
          `calls \`${own}\`.`,
      );
    }
  }
  const config: PostgresConfig = value;
  if (config.connectionString) readAddress(config.connectionString, `\`connectionString\` of ${option}`);
  return config;
}

/** Where a client with these options connects to. */
export function addressOfConfig(config: PostgresConfig): DatabaseAddress {
  return addressOf(config as ConnectionConfig);
}

/** The schema of the application, as Prisma writes it into the address; node-postgres ignores it. */
export function schemaOfConfig({ connectionString }: PostgresConfig): string | undefined {
  const schema = connectionString ? parseAddress(connectionString)['schema'] : undefined;
  return typeof schema === 'string' && schema !== '' ? schema : undefined;
}

function readAddress(address: string, option: string): PostgresConfig {
  const [, scheme = 'postgres'] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(address) ?? [];
  if (!/^(postgres|postgresql|socket)$/i.test(scheme)) {
    throw new LockConfigurationError(
      `${option} must be an address of Postgres, such as postgres://user:password@host:5432/database, ` +
        `received one that begins with ${scheme}://.`,
    );
  }
  parseAddress(address, option);
  return { connectionString: address };
}
