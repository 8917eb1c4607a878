import type { InjectionToken } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { LockConfigurationError, type PostgresOptions } from '../core/index.js';

const CURE =
  "Import TypeOrmModule.forRoot({ type: 'postgres', … }), or name the data source, or the injection token " +
  'that provides it, in the `dataSource` option of AdvisoryLockModule.forRoot().';

/** A data source on Postgres. */
export type PostgresDataSource = DataSource & { readonly options: PostgresOptions };

/**
 * Finds the application's data source: the default one, one by the name it has in
 * `TypeOrmModule.forRoot({ name })`, or by its token. It goes by the form of the tokens, because an
 * application need not use
 * @nestjs/typeorm.
 */
export function findPostgres(moduleRef: ModuleRef, wanted: InjectionToken = DataSource): PostgresDataSource {
  const isDefault = wanted === DataSource;
  const which = isDefault ? 'the default data source' : `the data source "${String(wanted)}"`;
  const tokens = typeof wanted === 'string' ? [`${wanted}DataSource`, wanted] : [wanted];
  const provided = tokens.map((token) => findProvided(moduleRef, token));
  const found = provided.find(isDataSource);
  if (found === undefined) {
    if (provided.some(isPending)) {
      throw new LockConfigurationError(
        `A lock needs ${which} of this application, which is not initialized yet. It is too early for ` +
          'locks in a constructor or a provider factory: take them from onModuleInit() on.',
      );
    }
    const what = isDefault ? 'no default data source' : `no data source "${String(wanted)}"`;
    throw new LockConfigurationError(`AdvisoryLockModule found ${what} in this application. ${CURE}`);
  }
  if (isPostgres(found)) return found;
  throw new LockConfigurationError(
    `Advisory locks need a data source of the type "postgres", received ${which}, which has the type ` +
      `"${found.options.type}". ${CURE}`,
  );
}

function isPostgres(dataSource: DataSource): dataSource is PostgresDataSource {
  return dataSource.options.type === 'postgres';
}

/** `undefined` when no module has a provider of that token. */
function findProvided(moduleRef: ModuleRef, token: InjectionToken): unknown {
  try {
    // Nest returns null while a factory is pending.
    return moduleRef.get<unknown>(token as string, { strict: false }) ?? null;
  } catch {
    return undefined;
  }
}

/** Whether Nest has not made the object yet: null of a factory, the bare prototype of a class. */
function isPending(value: unknown): boolean {
  return (
    value === null || (typeof value === 'object' && 'createQueryRunner' in value && !('options' in value))
  );
}

// Not instanceof: a second copy of TypeORM in node_modules has its own class, and its options are just as
// good.
function isDataSource(value: unknown): value is DataSource {
  return typeof value === 'object' && value !== null && 'options' in value && 'createQueryRunner' in value;
}
