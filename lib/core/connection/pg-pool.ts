import { type DatabaseOptions, isOfTypeOrm, type PostgresOptions } from './connection-config.js';
import type { ConnectionConfig } from './database-address.js';

/**
 * The part of a pool of node-postgres that is used here, so that the published types need no `@types/pg`.
 */
export interface PgPool<Client = unknown> {
  connect(): Promise<Client>;
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
  end(): Promise<void>;
  on(event: 'error', listener: () => void): unknown;
  on(event: 'connect', listener: (client: ErrorEmitter) => void): unknown;
}

interface ErrorEmitter {
  on(event: 'error', listener: () => void): unknown;
}

/** node-postgres, or what an application has put in its place. */
interface PgDriver {
  readonly Pool: new (config: ConnectionConfig) => PgPool;
  /** The same on libpq; null where pg-native is not installed. */
  readonly native?: PgDriver | null;
}

/** Makes a pool of connections of the library's own. It connects when the first is taken out. */
export async function openPool<Client>(
  database: DatabaseOptions,
  config: ConnectionConfig,
): Promise<PgPool<Client>> {
  const { Pool } = isOfTypeOrm(database) ? await driverOf(database) : await importPg();
  const pool = new Pool(config);
  // The error of a connection that is in use reaches its user. Without a listener, it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool as PgPool<Client>;
}

/** node-postgres as TypeORM chooses it: a `driver` need not have more than a pool. */
async function driverOf({ driver, nativeDriver }: PostgresOptions): Promise<PgDriver> {
  const pg = (driver as PgDriver | undefined) ?? (await importPg());
  const usesNative = Boolean(nativeDriver) || (await isInstalled('pg-native'));
  return (usesNative && pg.native) || pg;
}

/** The command line does not load it where it needs no database. */
async function importPg(): Promise<PgDriver> {
  return (await import('pg')).default as unknown as PgDriver;
}

/** @param name - not a literal: bundlers would look for a package that is hardly ever there. */
async function isInstalled(name: string): Promise<boolean> {
  try {
    await import(name);
    return true;
  } catch {
    return false;
  }
}
