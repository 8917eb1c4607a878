import type { DataSource, Migration } from 'typeorm';
import {
  aConnection,
  type AdvisoryLock,
  applicationNameOf,
  checkConnectionOptions,
  checkOptions,
  type DatabaseOptions,
  defaultInstanceName,
  LockConfigurationError,
  type LockConnectionOptions,
  LockEngine,
  LockTimeoutError,
  oneOf,
  type OptionRules,
  type PostgresConfig,
  readPostgresConfig,
  signalRules,
  waitRules,
} from '../core/index.js';
import { migrateDataSource, postgresOptionsOf } from './migrate-data-source.js';

/**
 * The options of `runMigrationsExclusively()` for a data source.
 *
 * @example
 * ```ts
 * await runMigrationsExclusively(dataSource, { waitMs: 60_000, transaction: 'each' });
 * ```
 */
export interface RunMigrationsOptions {
  /**
   * How long to wait for another instance that migrates, in milliseconds.
   * @default Infinity
   */
  readonly waitMs?: number;
  /**
   * Ends the wait, but not migrations that have begun. The function then rejects with the signal's reason.
   * @default none
   */
  readonly signal?: AbortSignal;
  /**
   * Which migrations share a transaction, as for `dataSource.runMigrations()`.
   * @default the `migrationsTransactionMode` of the data source
   */
  readonly transaction?: 'all' | 'none' | 'each';
  /**
   * What the lock connection does differently from the data source, or from `postgres`, such as a `url` that
   * bypasses a pooler.
   * @default none
   */
  readonly connectionOptions?: LockConnectionOptions;
}

/**
 * The options of `runMigrationsExclusively()` for a function.
 *
 * @example
 * ```ts
 * await runMigrationsExclusively(() => knex.migrate.latest(), { postgres: process.env.DATABASE_URL ?? '' });
 * ```
 */
export interface MigrateFunctionOptions extends Omit<RunMigrationsOptions, 'transaction'> {
  /**
   * Where the database is: a connection string, or the options of a client of node-postgres
   * (`pg.ClientConfig`).
   */
  readonly postgres: string | PostgresConfig;
  /**
   * The name of the lock. `npx nestjs-advisory-lock run migrations` takes the same one by default.
   * @default 'migrations'
   */
  readonly name?: string;
}

type Migrate<T> = (lock: AdvisoryLock) => T | Promise<T>;

const WHERE = 'runMigrationsExclusively()';

const rules: OptionRules = { ...waitRules, ...signalRules, connectionOptions: aConnection };

const dataSourceRules: OptionRules = { ...rules, transaction: oneOf('all', 'none', 'each') };

const functionRules: OptionRules = {
  ...rules,
  // Read by readPostgresConfig(), which says what is wrong with it.
  postgres: [() => true, 'a connection string, or the options of a client of node-postgres', 'secret'],
  name: [(value) => typeof value === 'string' && value !== '', 'a string of at least one character'],
};

/**
 * Runs the pending migrations of a data source while no other instance of the fleet does. All instances may
 * call it at once: one migrates, and the others continue when it is done. Resolves to the migrations that
 * this call has run.
 *
 * It needs no Nest. It takes one connection of its own for the lock, and another one while it waits, so a
 * pool of 1 is enough for the migrations. The wait holds back no index that a migration builds concurrently.
 * A data source that is not initialized yet is initialized under the lock, `migrationsRun` and `synchronize`
 * included, and destroyed again. Callers with the same database, schema and `migrationsTableName` wait for
 * each other.
 *
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for options that are unknown or invalid, and
 * for a data source that is not of the type `postgres`.
 * @throws {@link LockTimeoutError} (`LOCK_TIMEOUT`) after `waitMs`.
 * @throws {@link LockConnectionError} (`LOCK_CONNECTION`) when the database cannot be reached.
 * @throws {@link LockLostError} (`LOCK_LOST`) when the lock connection broke while migrations ran.
 * @throws What a migration throws, and the reason of `signal`.
 * @example
 * ```ts
 * await runMigrationsExclusively(new DataSource(options));
 * const app = await NestFactory.create(AppModule);
 * ```
 */
export function runMigrationsExclusively(
  dataSource: DataSource,
  options?: RunMigrationsOptions,
): Promise<Migration[]>;
/**
 * Runs a function that migrates, by any tool, while no other instance of the fleet does. All instances may
 * call it at once: each runs the function, one after the other, and those that come later find nothing to do.
 * The function receives the lock, whose `signal` aborts when it is lost. Resolves to what it returns. Callers
 * with the same database and `name` wait for each other.
 *
 * @throws {@link LockConfigurationError} (`LOCK_CONFIGURATION`) for options that are unknown or invalid.
 * @throws {@link LockTimeoutError} (`LOCK_TIMEOUT`) after `waitMs`.
 * @throws {@link LockConnectionError} (`LOCK_CONNECTION`) when the database cannot be reached.
 * @throws {@link LockLostError} (`LOCK_LOST`) when the lock connection broke while the function ran.
 * @throws What the function throws, and the reason of `signal`.
 * @example
 * ```ts
 * await runMigrationsExclusively(() => migrate(db, { migrationsFolder: 'drizzle' }), { postgres: url });
 * ```
 */
export function runMigrationsExclusively<T>(
  migrate: (lock: AdvisoryLock) => T | Promise<T>,
  options: MigrateFunctionOptions,
): Promise<T>;
export async function runMigrationsExclusively<T>(
  source: DataSource | Migrate<T>,
  options: RunMigrationsOptions | MigrateFunctionOptions = {},
): Promise<Migration[] | T> {
  if (typeof source === 'function') return runFunction(source, options as MigrateFunctionOptions);
  if (!isDataSource(source)) {
    throw new LockConfigurationError(
      `${WHERE} must have a data source of TypeORM or a function that migrates, received a value of type ` +
        `${typeof source}. Where the database of a function is says the option \`postgres\`.`,
    );
  }
  const { transaction, ...rest }: RunMigrationsOptions = checkOptions(options, dataSourceRules, WHERE);
  const postgres = postgresOptionsOf(source);
  const name = `migrations:${postgres.schema ?? 'public'}.${postgres.migrationsTableName ?? 'migrations'}`;
  return runUnderLock(name, postgres, rest, () => migrateDataSource(source, transaction));
}

function isDataSource(source: unknown): source is DataSource {
  return typeof source === 'object' && source !== null && 'options' in source;
}

function runFunction<T>(migrate: Migrate<T>, options: MigrateFunctionOptions): Promise<T> {
  const { postgres, name = 'migrations', ...rest } = checkOptions(options, functionRules, WHERE);
  const config = readPostgresConfig(postgres, `The option \`postgres\` of ${WHERE}`);
  return runUnderLock(name, config, rest, migrate);
}

/** The engine waits in turns, so that `CREATE INDEX CONCURRENTLY` in a migration is not held back. */
async function runUnderLock<T>(
  name: string,
  database: DatabaseOptions,
  options: Omit<RunMigrationsOptions, 'transaction'>,
  migrate: Migrate<T>,
): Promise<T> {
  const { waitMs = Infinity, signal } = options;
  const { connectionOptions } = checkConnectionOptions(options, WHERE);
  const engine = LockEngine.open({
    database: () => database,
    connectionOptions,
    applicationName: applicationNameOf(defaultInstanceName(), 'migrations'),
  });
  try {
    const outcome = await engine.locks.tryWithLock(name, migrate, { waitMs, ...(signal && { signal }) });
    if (outcome.acquired) return outcome.value;
    throw new LockTimeoutError(name, waitMs);
  } finally {
    await engine.close(0);
  }
}
