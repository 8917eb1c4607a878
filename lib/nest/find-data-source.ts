import type { InjectionToken } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { LockConfigurationError, type PostgresOptions } from '../core/index.js';

const CURE =
  "Import TypeOrmModule.forRoot({ type: 'postgres', … }), or name the data source, or the injection token that provides it, in " +
  'the `dataSource` option of AdvisoryLockModule.forRoot().';

/** A data source on Postgres. */
export type PostgresDataSource = DataSource & { readonly options: PostgresOptions };

/**
 * Finds the application's data source: the default one, one by the name it has in `TypeOrmModule.forRoot({ name })`, or by its
 * token. By the tokens' form rather than by @nestjs/typeorm, which an application need not use.
 */
export function findPostgres(moduleRef: ModuleRef, wanted: InjectionToken = DataSource): PostgresDataSource {
  const isDefault = wanted === DataSource;
  const tokens = typeof wanted === 'string' ? [`${wanted}DataSource`, wanted] : [wanted];
  const found = tokens.map((token) => lookUp(moduleRef, token)).find(isDataSource);
  if (found === undefined) {
    const what = isDefault ? 'no default data source' : `no data source "${String(wanted)}"`;
    throw new LockConfigurationError(`AdvisoryLockModule found ${what} in this application. ${CURE}`);
  }
  if (isPostgres(found)) return found;
  const which = isDefault ? 'the default data source' : `the data source "${String(wanted)}"`;
  throw new LockConfigurationError(
    `Advisory locks need a data source of the type "postgres", but ${which} has the type "${found.options.type}". ${CURE}`,
  );
}

function isPostgres(dataSource: DataSource): dataSource is PostgresDataSource {
  return dataSource.options.type === 'postgres';
}

function lookUp(moduleRef: ModuleRef, token: InjectionToken): unknown {
  try {
    return moduleRef.get(token as string, { strict: false });
  } catch {
    return undefined;
  }
}

// Not instanceof: a second copy of TypeORM in node_modules has a class of its own, and its options are just as good.
function isDataSource(value: unknown): value is DataSource {
  return typeof value === 'object' && value !== null && 'options' in value && 'createQueryRunner' in value;
}
