import type { InjectionToken } from '@nestjs/common';
import type { DiscoveryService, ModuleRef } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { LockConfigurationError, type PostgresOptions } from '../core/index.js';
import { isClassWith } from './is-class-with.js';

const CURE =
  "Import TypeOrmModule.forRoot({ type: 'postgres', … }), or name the data source, or the injection token " +
  'that provides it, in the `dataSource` option of AdvisoryLockModule.forRoot(). Without TypeORM, give the ' +
  'address of the database in the option `postgres` (undefined counts as left out).';

/** A data source on Postgres. */
export type PostgresDataSource = DataSource & { readonly options: PostgresOptions };

/**
 * Finds the data source of an application: the default one, one by the name it has in
 * `TypeOrmModule.forRoot({ name })`, or by its token. It goes by the form of tokens and values, because an
 * application need not use @nestjs/typeorm, and one without TypeORM must not load it.
 */
export class DataSourceFinder {
  private readonly classes = new Set<InjectionToken>();
  /** Kept once there is one: Nest looks for it in all modules. */
  private found: PostgresDataSource | undefined;

  constructor(
    private readonly moduleRef: ModuleRef,
    private readonly discovery: DiscoveryService,
    /** The option `dataSource` of the module. */
    private readonly wanted: InjectionToken | undefined,
  ) {}

  /** Throws `LOCK_CONFIGURATION` when there is none on Postgres. */
  find(): PostgresDataSource {
    return this.found ?? this.findNow();
  }

  private findNow(): PostgresDataSource {
    const { wanted } = this;
    const isDefault = wanted === undefined || isDataSourceClass(wanted);
    const which = isDefault ? 'the default data source' : `the data source "${String(wanted)}"`;
    const provided = this.tokens().map((token) => this.findProvided(token));
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
    if (isPostgres(found)) {
      // One that is still pending may come first later.
      if (!provided.some(isPending)) this.found = found;
      return found;
    }
    throw new LockConfigurationError(
      `Advisory locks need a data source of the type "postgres", received ${which}, which has the type ` +
        `"${found.options.type}". ${CURE}`,
    );
  }

  private tokens(): InjectionToken[] {
    const { wanted } = this;
    if (wanted === undefined) return this.findClasses();
    return typeof wanted === 'string' ? [`${wanted}DataSource`, wanted] : [wanted];
  }

  /** The class of TypeORM, which is the token of the default data source; of each copy of TypeORM. */
  private findClasses(): InjectionToken[] {
    if (this.classes.size === 0) {
      for (const { token } of this.discovery.getProviders()) {
        if (isDataSourceClass(token)) this.classes.add(token);
      }
    }
    return [...this.classes];
  }

  /** `undefined` when no module has a provider of that token. */
  private findProvided(token: InjectionToken): unknown {
    try {
      // Nest returns null while a factory is pending.
      return this.moduleRef.get<unknown>(token as string, { strict: false }) ?? null;
    } catch {
      return undefined;
    }
  }
}

/** The class of TypeORM itself, of whichever copy. */
function isDataSourceClass(token: unknown): token is InjectionToken {
  return isClassWith(token, 'createQueryRunner', 'initialize');
}

function isPostgres(dataSource: DataSource): dataSource is PostgresDataSource {
  return dataSource.options.type === 'postgres';
}

/** Whether Nest has not made the object yet: null of a factory, the bare prototype of a class. */
function isPending(value: unknown): boolean {
  return value === null || (isObject(value) && 'createQueryRunner' in value && !('options' in value));
}

// Not instanceof: a second copy of TypeORM in node_modules has its own class, and its options are just as
// good.
function isDataSource(value: unknown): value is DataSource {
  return isObject(value) && 'options' in value && 'createQueryRunner' in value;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
