import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, Migration } from 'typeorm';
import {
  aConnection,
  applicationNameOf,
  checkConnectionOptions,
  checkOptions,
  defaultInstanceName,
  LockConfigurationError,
  type LockConnectionOptions,
  LockEngine,
  LockTimeoutError,
  oneOf,
  type OptionRules,
  type PostgresOptions,
  signalRules,
  waitRules,
} from '../core/index.js';

/**
 * The options of `runMigrationsExclusively()`.
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
   * What the lock connection does differently from the data source, such as a `url` that bypasses a pooler.
   * @default none
   */
  readonly connectionOptions?: LockConnectionOptions;
}

const rules: OptionRules = {
  ...waitRules,
  ...signalRules,
  transaction: oneOf('all', 'none', 'each'),
  connectionOptions: aConnection,
};

/**
 * The shortest pause between two attempts, in milliseconds. The longest is twice that, so that a fleet
 * spreads out.
 */
const PAUSE_MS = 100;

/**
 * Runs the pending migrations of a data source while no other instance of the fleet does. All instances may
 * call it at once: one migrates, and the others continue when it is done. Resolves to the migrations that
 * this call has run.
 *
 * It needs no Nest. It takes one connection of its own for the lock, which is closed at the end, so a pool of
 * 1 is enough. A data source that is not initialized yet is initialized under the lock, `migrationsRun` and
 * `synchronize` included, and destroyed again. Callers with the same database, schema and
 * `migrationsTableName` wait for each other.
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
export async function runMigrationsExclusively(
  dataSource: DataSource,
  options: RunMigrationsOptions = {},
): Promise<Migration[]> {
  checkOptions(options, rules, 'runMigrationsExclusively()');
  const { waitMs = Infinity, signal } = options;
  const { connectionOptions = {} } = checkConnectionOptions(options, 'runMigrationsExclusively()');
  const postgres = postgresOptionsOf(dataSource);
  const name = `migrations:${postgres.schema ?? 'public'}.${postgres.migrationsTableName ?? 'migrations'}`;
  const engine = LockEngine.open({
    database: () => postgres,
    dataSource: () => dataSource,
    connectionOptions,
    applicationName: applicationNameOf(defaultInstanceName(), 'migrations'),
  });
  const deadline = performance.now() + waitMs;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const outcome = await engine.locks.tryWithLock(name, () => migrate(dataSource, options.transaction));
      if (outcome.acquired) return outcome.value;
      if (performance.now() >= deadline) throw new LockTimeoutError(name, waitMs);
      await pause(deadline, signal);
    }
  } finally {
    await engine.close(0);
  }
}

/**
 * The lock is tried again and again rather than waited for in Postgres' queue. A statement that waits keeps
 * its snapshot, and CREATE INDEX CONCURRENTLY waits for all older snapshots. A migration that contains one
 * would never end while another instance queues for the lock, and Postgres would detect no deadlock, because
 * the lock and the migration are on different connections.
 *
 * @see https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
 */
async function pause(deadline: number, signal: AbortSignal | undefined): Promise<void> {
  const pauseMs = PAUSE_MS * (1 + Math.random());
  const untilDeadlineMs = Math.max(0, deadline - performance.now());
  await sleep(Math.min(pauseMs, untilDeadlineMs), undefined, { signal }).catch(() =>
    signal?.throwIfAborted(),
  );
}

function migrate(
  dataSource: DataSource,
  transaction: RunMigrationsOptions['transaction'],
): Promise<Migration[]> {
  const run = (): Promise<Migration[]> => dataSource.runMigrations(transaction && { transaction });
  return dataSource.isInitialized ? run() : whileInitialized(dataSource, run);
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

function postgresOptionsOf({ options }: DataSource): PostgresOptions {
  if (options.type === 'postgres') return options;
  throw new LockConfigurationError(
    'The data source of runMigrationsExclusively() must have the type "postgres", ' +
      `received the type "${options.type}".`,
  );
}
