import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, Migration } from 'typeorm';
import {
  anObject,
  applicationNameOf,
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

/** The options of `runMigrationsExclusively`. */
export interface RunMigrationsOptions {
  /**
   * How long to wait for the instance that is at it, in milliseconds.
   * @default Infinity
   */
  readonly waitMs?: number;
  /** Ends the wait, but not migrations that have begun; its reason is what is thrown. */
  readonly signal?: AbortSignal;
  /**
   * Which migrations share a transaction, as for `dataSource.runMigrations()`.
   * @default the `migrationsTransactionMode` of the data source
   */
  readonly transaction?: 'all' | 'none' | 'each';
  /** What the lock connection has otherwise than the data source, such as a `url` that goes round a pooler. */
  readonly connectionOptions?: LockConnectionOptions;
}

const rules: OptionRules = {
  ...waitRules,
  ...signalRules,
  transaction: oneOf('all', 'none', 'each'),
  connectionOptions: anObject,
};

/** The shortest pause between two attempts, in milliseconds; the longest is twice that, so that a fleet falls out of step. */
const PAUSE_MS = 100;

/**
 * Runs the pending migrations of a data source while no other instance of the fleet does: all may call it at once, one
 * migrates, and the others go on when it is done. Answers the migrations that were run here.
 *
 * It needs no Nest, and takes one connection of its own for the lock, which is closed at the end; so a pool of 1 will do. A data
 * source that is not initialized yet is initialized under the lock, `migrationsRun` and `synchronize` included, and destroyed
 * again. Everybody with the same database, schema and `migrationsTableName` waits for each other.
 *
 * @throws {@link LockTimeoutError} (`LOCK_TIMEOUT`) after `waitMs`; {@link LockConnectionError} (`LOCK_CONNECTION`);
 * {@link LockLostError} (`LOCK_LOST`) when the lock connection broke while migrations ran; and what a migration throws.
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
  const { waitMs = Infinity, signal, connectionOptions = {} } = options;
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
 * Tried again and again rather than waited for in Postgres' queue: a statement that waits keeps its snapshot, and CREATE INDEX
 * CONCURRENTLY waits for all that are older. A migration with one would never end while another instance queues for the lock,
 * and Postgres would see no deadlock, as the lock is on another connection than the migration.
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
  // initialize() would run them without telling which.
  dataSource.setOptions({ migrationsRun: false, synchronize: false });
  try {
    await dataSource.initialize();
    const outcome = await migrations();
    if (synchronize) await dataSource.synchronize();
    return outcome;
  } finally {
    dataSource.setOptions({ migrationsRun, synchronize });
    // When it cannot be initialized, TypeORM has destroyed it.
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

function postgresOptionsOf({ options }: DataSource): PostgresOptions {
  if (options.type === 'postgres') return options;
  throw new LockConfigurationError(
    `runMigrationsExclusively() needs a data source of the type "postgres", but this one has the type "${options.type}".`,
  );
}
