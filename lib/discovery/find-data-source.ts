import type { InjectionToken } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';

/**
 * Finds the application's data source: the default one, one by the name it has in `TypeOrmModule.forRoot({ name })`, or by
 * its token. By the tokens' form rather than by @nestjs/typeorm, which an application need not use.
 */
export function findDataSource(moduleRef: ModuleRef, wanted: InjectionToken = DataSource): DataSource {
  const tokens = typeof wanted === 'string' ? [`${wanted}DataSource`, wanted] : [wanted];
  for (const token of tokens) {
    const found = lookUp(moduleRef, token);
    if (isDataSource(found)) return found;
  }
  const what = wanted === DataSource ? 'no default data source' : `no data source "${String(wanted)}"`;
  throw new LockConfigurationError(
    `AdvisoryLockModule found ${what} in this application. Import TypeOrmModule.forRoot({ type: 'postgres', … }), or name ` +
      'the data source, or the injection token that provides it, in the `dataSource` option of AdvisoryLockModule.forRoot().',
  );
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
