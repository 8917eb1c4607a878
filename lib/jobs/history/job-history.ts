import { randomUUID } from 'node:crypto';
import {
  describeNames,
  isSyntaxOrAccessError,
  type LockHold,
  type LockKey,
  LockConfigurationError,
  type LockLog,
  type LockName,
  type LockRuntime,
} from '../../core/index.js';
import type { RecordDatabase } from '../records/record-database.js';
import { ago, describeError, timestamp } from '../records/run-columns.js';
import { HISTORY_TABLE } from './history-table.js';

/** A run deletes at most this many old rows. */
const MAX_PRUNED = 1_000;

/** An attempt that is kept. */
export interface KeptRun {
  /** Of the job's lock. */
  readonly name: LockName;
  readonly atMs: number;
  readonly trigger: 'schedule' | 'manual';
  readonly attempt: number;
}

/**
 * Writes the history of the jobs with `historyMs`. It decides about nothing: a job runs whether its history
 * can be written or not.
 */
export class JobHistory {
  private readonly log: LockLog;
  private readonly jobs = new Set<string>();

  constructor(
    private readonly engine: LockRuntime,
    private readonly database: RecordDatabase,
    /** The name of this instance. */
    private readonly instance: string,
  ) {
    this.log = engine.createLog('AdvisoryLock');
  }

  /** The names of the locks of the jobs of this instance that have a history. */
  get jobNames(): readonly string[] {
    return [...this.jobs];
  }

  /** Makes a job of this instance known, whether it has run or not. */
  add(name: LockName): void {
    this.jobs.add(describeNames(name));
  }

  /** Refuses a job whose history cannot be written: it plans the statement of a run. */
  async check(job: string): Promise<void> {
    if (!this.database.isReady) return;
    try {
      await this.query(`EXPLAIN ${this.insertion}`, ['', 0, '', '', 1, '']);
    } catch (cause) {
      if (!isSyntaxOrAccessError(cause)) throw cause;
      throw new LockConfigurationError(
        `${job} has \`historyMs\`, which needs a table that the application can write: ${cause.message}. ` +
          'Add the migration CreateAdvisoryLockJobRuns1735862400000 to the data source, or the entity ' +
          'AdvisoryLockJobRun where `synchronize` is set, or run ADVISORY_LOCK_JOB_RUN_SQL, and grant ' +
          'SELECT, INSERT, UPDATE and DELETE on the table to the role of the application.',
        { cause },
      );
    }
  }

  /**
   * Runs the body, and keeps when it started and how it ended. During the run the instance holds a lock,
   * which distinguishes a run that is not over from one whose instance has died.
   */
  async keep<T>(run: KeptRun, historyMs: number, body: () => Promise<T>): Promise<T> {
    const id = randomUUID();
    const job = this.engine.keys.fullNameOf(run.name);
    const hold = await this.begin(run, job, id);
    let outcome: 'done' | 'failed' = 'done';
    let failure: string | null = null;
    try {
      return await body();
    } catch (error) {
      outcome = 'failed';
      failure = describeError(error);
      throw error;
    } finally {
      await this.end([job, run.atMs, id, outcome, failure], historyMs);
      if (hold !== undefined) await this.engine.table.release(hold);
    }
  }

  /** Whether the instance that runs the attempt is alive. */
  isRunning(name: LockName, id: string): Promise<boolean> {
    return this.engine.table.isLocked(this.runKey(name, id));
  }

  /** Never rejects: without its row the job runs all the same. */
  private async begin(
    { name, atMs, trigger, attempt }: KeptRun,
    job: string,
    id: string,
  ): Promise<LockHold | undefined> {
    let hold: LockHold | undefined;
    try {
      hold = await this.engine.table.tryAcquire(this.runKey(name, id), 'exclusive');
      await this.query(this.insertion, [job, atMs, id, trigger, attempt, this.instance]);
    } catch (cause) {
      this.warn(job, cause);
    }
    return hold;
  }

  /** Never rejects: the job has run. */
  private async end(values: unknown[], historyMs: number): Promise<void> {
    const [job] = values as [string];
    try {
      await this.query(
        `UPDATE ${this.table} SET ended_at = pg_catalog.clock_timestamp(),
          outcome = $4::pg_catalog.text, error = $5::pg_catalog.text
          WHERE job OPERATOR(pg_catalog.=) $1 AND tick_at OPERATOR(pg_catalog.=) ${timestamp('$2')}
            AND id OPERATOR(pg_catalog.=) $3`,
        values,
      );
      await this.query(
        `DELETE FROM ${this.table} WHERE job OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) ANY (
           SELECT id FROM ${this.table}
            WHERE job OPERATOR(pg_catalog.=) $1 AND tick_at OPERATOR(pg_catalog.<) ${ago('$2')}
            ORDER BY tick_at LIMIT ${MAX_PRUNED})`,
        [job, historyMs],
      );
    } catch (cause) {
      this.warn(job, cause);
    }
  }

  private warn(job: string, cause: unknown): void {
    this.log.warn(`The history of ${job} could not be written: ${describeError(cause)}`);
  }

  private runKey(name: LockName, id: string): LockKey {
    return this.engine.keys.claimKeyOf(name, `${id}#run`);
  }

  private get insertion(): string {
    return `INSERT INTO ${this.table} (job, tick_at, id, trigger, attempt, instance, started_at)
      SELECT $1::pg_catalog.text, ${timestamp('$2')}, $3::pg_catalog.text, $4::pg_catalog.text,
        $5::pg_catalog.int4, $6::pg_catalog.text, pg_catalog.clock_timestamp()`;
  }

  private get table(): string {
    return this.database.tableOf(HISTORY_TABLE);
  }

  private query(sql: string, values: readonly unknown[]): Promise<unknown[]> {
    return this.database.query(sql, values);
  }
}
