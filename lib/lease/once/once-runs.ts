import {
  type AdvisoryLock,
  checkOptions,
  describe,
  LockConfigurationError,
  type LockRuntime,
} from '../../core/index.js';
import { type ApplicationDatabase, databaseError } from '../application-database.js';
import { type OnceOptions, onceRules } from './once.options.js';
import { ADVISORY_ONCE_SQL, ONCE_TABLE } from './once-table.js';

/** What the library prepends to the name for the lock that is held during the run. */
const LOCK_PREFIX = 'once:';

// Operators, functions and types are qualified: the statements run with the `search_path` of the application.
const OF_RUN = 'name OPERATOR(pg_catalog.=) $1 AND version OPERATOR(pg_catalog.=) $2';

/**
 * Runs what is to run once per database: an advisory lock keeps the others out while it runs, and a row that
 * is written inside the lock after it has succeeded keeps them out later. A run that fails or dies leaves no
 * row, and Postgres frees its lock.
 */
export class OnceRuns {
  constructor(
    private readonly engine: Pick<LockRuntime, 'keys' | 'locks'>,
    private readonly database: Pick<ApplicationDatabase, 'query' | 'tableOf'>,
    /** The name of this instance. */
    private readonly instance: string,
  ) {}

  async run(
    name: string,
    body: (lock: AdvisoryLock) => unknown,
    options: OnceOptions = {},
  ): Promise<{ readonly ran: boolean }> {
    const fullName = this.fullNameOf(name);
    checkOptions(options, onceRules, 'once()');
    const { version = '', waitMs = Infinity } = options;
    const id = [fullName, version] as const;
    if (await this.hasRun(name, id)) return { ran: false };
    return this.engine.locks.withLock(
      `${LOCK_PREFIX}${name}`,
      async (lock) => {
        if (await this.hasRun(name, id)) return { ran: false };
        // The query may have taken longer than the lock has lasted.
        lock.assertHeld();
        await body(lock);
        // Another instance may run it by now: then that one records it.
        lock.assertHeld();
        await this.record(name, id);
        return { ran: true };
      },
      { waitMs },
    );
  }

  private async hasRun(name: string, id: readonly string[]): Promise<boolean> {
    const rows = await this.query(
      name,
      `It is not known whether "${name}" has run`,
      `SELECT name FROM ${this.table} WHERE ${OF_RUN}`,
      id,
    );
    return rows.length > 0;
  }

  private async record(name: string, id: readonly string[]): Promise<void> {
    await this.query(
      name,
      `"${name}" has run, was not recorded and will run again`,
      `INSERT INTO ${this.table} (name, version, instance, ran_at)
       VALUES ($1, $2, $3, pg_catalog.clock_timestamp())
       ON CONFLICT (name, version) DO NOTHING RETURNING name`,
      [...id, this.instance],
    );
  }

  private async query<Row>(
    name: string,
    what: string,
    sql: string,
    values: readonly unknown[],
  ): Promise<Row[]> {
    try {
      return await this.database.query<Row>(sql, values);
    } catch (error) {
      throw databaseError(error, name, what, ADVISORY_ONCE_SQL);
    }
  }

  private fullNameOf(name: string): string {
    if (typeof name === 'string' && !name.includes('\0')) return this.engine.keys.fullNameOf(name);
    throw new LockConfigurationError(
      `The name of what runs once must be a string without NUL characters, received ${describe(name)}.`,
    );
  }

  private get table(): string {
    return this.database.tableOf(ONCE_TABLE);
  }
}
