import type { DiscoveryService, ModuleRef } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { addressOfConfig, type DatabaseOptions, readPostgresConfig, schemaOfConfig } from '../core/index.js';
import { PooledRecords, type RecordDatabase, recordsInDataSource } from '../jobs/records/record-database.js';
import { type ApplicationDatabase, dataSourceDatabase } from '../lease/application-database.js';
import type { AdvisoryLockModuleOptions } from './advisory-lock.options.js';
import { DataSourceFinder } from './find-data-source.js';

/** The database of one configured module, in which the application may use TypeORM or not. */
export interface ModuleDatabase {
  /** Throws `LOCK_CONFIGURATION` when it is not known where the database is. */
  readonly find: () => DatabaseOptions;
  /** Missing without TypeORM. Throws like `find`. */
  readonly findDataSource: (() => DataSource) | undefined;
  /** The name of the database of the locks, as far as it is known. May throw. */
  readonly findName: () => string | undefined;
  readonly records: RecordDatabase;
  /** Where leases are, and what has run once. */
  readonly tables: ApplicationDatabase;
}

/** Throws `LOCK_CONFIGURATION` for an invalid option `postgres`. */
export function moduleDatabase(
  { postgres, dataSource, connectionOptions }: AdvisoryLockModuleOptions,
  instance: string,
  moduleRef: ModuleRef,
  discovery: DiscoveryService,
): ModuleDatabase {
  const ownName = (): string | undefined => databaseOf(connectionOptions);
  if (postgres !== undefined) {
    const config = readPostgresConfig(postgres, 'The option `postgres` of AdvisoryLockModule');
    const find = (): DatabaseOptions => config;
    const records = new PooledRecords({ database: find, schema: schemaOfConfig(config), instance });
    return {
      find,
      findDataSource: undefined,
      findName: () => ownName() ?? databaseOf(addressOfConfig(config)),
      records,
      tables: records,
    };
  }
  const finder = new DataSourceFinder(moduleRef, discovery, dataSource);
  const findDataSource = () => finder.find();
  return {
    find: () => findDataSource().options,
    findDataSource,
    findName: () => ownName() ?? databaseOf(findDataSource().driver),
    records: recordsInDataSource(findDataSource),
    tables: dataSourceDatabase(findDataSource),
  };
}

/** That of tests without a server: what they provide in the place of a data source. */
export function databaseInMemory(findDataSource: () => DataSource): ModuleDatabase {
  return {
    find: () => findDataSource().options as DatabaseOptions,
    findDataSource,
    findName: () => undefined,
    records: recordsInDataSource(findDataSource),
    tables: dataSourceDatabase(findDataSource),
  };
}

/** The name of the database in an address or connection options, or that TypeORM's driver has found out. */
function databaseOf(source: object | undefined): string | undefined {
  const { database, url } = (source ?? {}) as { readonly database?: unknown; readonly url?: unknown };
  if (typeof database === 'string') return database;
  if (typeof url !== 'string' || !URL.canParse(url)) return undefined;
  return decodeURIComponent(new URL(url).pathname.slice(1)) || undefined;
}
