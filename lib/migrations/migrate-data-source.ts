import type { DataSource, Migration } from 'typeorm';
import { LockConfigurationError, type PostgresOptions } from '../core/index.js';

/** Runs the pending migrations of a data source, which is initialized for that when it is not yet. */
export function migrateDataSource(
  dataSource: DataSource,
  transaction: 'all' | 'none' | 'each' | undefined,
): Promise<Migration[]> {
  const run = (): Promise<Migration[]> => dataSource.runMigrations(transaction && { transaction });
  return dataSource.isInitialized ? run() : whileInitialized(dataSource, run);
}

/** Throws `LOCK_CONFIGURATION` for a data source of another database. */
export function postgresOptionsOf({ options }: DataSource): PostgresOptions {
  if (options.type === 'postgres') return options;
  throw new LockConfigurationError(
    'The data source of runMigrationsExclusively() must have the type "postgres", ' +
      `received the type "${options.type}".`,
  );
}

async function whileInitialized<T>(dataSource: DataSource, migrations: () => Promise<T>): Promise<T> {
  const { migrationsRun = false, synchronize = false } = dataSource.options;
  // initialize() would run the migrations without returning them.
  dataSource.setOptions({ migrationsRun: false, synchronize: false });
  try {
    await dataSource.initialize();
    const outcome = await migrations();
    if (synchronize) await dataSource.synchronize();
    return outcome;
  } finally {
    dataSource.setOptions({ migrationsRun, synchronize });
    // TypeORM destroys a data source that it cannot initialize.
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}
