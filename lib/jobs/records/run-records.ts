import {
  describeNames,
  type LockKey,
  type LockLog,
  type LockName,
  type LockRuntime,
  type TryLockOutcome,
} from '../../core/index.js';
import type { RecordDatabase } from './record-database.js';
import { ago, describeError, msOf, timestamp } from './run-columns.js';
import { RUN_TABLE } from './run-table.js';

/** A run deletes at most this many old rows. */
const MAX_PRUNED = 1_000;

/** A run as the table has it. */
export interface RecordedRun {
  readonly atMs: number;
  readonly instance: string;
  readonly startedMs: number;
  readonly endedMs: number | null;
  readonly outcome: 'done' | 'failed' | null;
  readonly error: string | null;
}

const COLUMNS = `${msOf('tick_at')} AS at_ms, instance, ${msOf('started_at')} AS started_ms,
  ${msOf('ended_at')} AS ended_ms, outcome, error`;

const OF_JOB = 'job OPERATOR(pg_catalog.=) $1';
const OF_TICK = `${OF_JOB} AND tick_at OPERATOR(pg_catalog.=) ${timestamp('$2')}`;

interface Row extends Pick<RecordedRun, 'instance' | 'outcome' | 'error'> {
  readonly at_ms: string;
  readonly started_ms: string;
  readonly ended_ms: string | null;
}

/** Writes and reads the table of runs. */
export class RunRecords {
  private readonly log: LockLog;
  /** The names of the locks of recorded jobs of this instance. */
  private readonly jobs = new Set<string>();

  constructor(
    private readonly engine: LockRuntime,
    private readonly database: RecordDatabase,
    /** The name of this instance. */
    private readonly instance: string,
  ) {
    this.log = engine.createLog('AdvisoryLock');
  }

  /** The names of the locks of this instance's recorded jobs, as the application wrote them. */
  get jobNames(): readonly string[] {
    return [...this.jobs];
  }

  /** Makes a job of this instance known, whether it has run or not. */
  add(name: LockName): void {
    this.jobs.add(describeNames(name));
  }

  /** Rejects with the error of the server when runs cannot be recorded: it plans the statement of a run. */
  async check(): Promise<void> {
    if (this.database.isReady) await this.query(`EXPLAIN ${this.insertion}`, ['', 0, '', 0]);
  }

  /**
   * Runs the body for a tick, unless the tick has run before, or is so old that its row may be deleted.
   * During the run the instance holds a lock for it, which distinguishes a run that is not over from one
   * whose instance has died. The lock comes before the row: a row without its lock belongs to a dead
   * instance.
   */
  async run<T>(
    name: LockName,
    atMs: number,
    retainMs: number,
    body: () => Promise<T>,
  ): Promise<TryLockOutcome<T>> {
    const hold = await this.engine.table.tryAcquire(this.runKey(name, atMs), 'exclusive');
    if (hold === undefined) return { acquired: false };
    try {
      const job = this.engine.keys.fullNameOf(name);
      const written = await this.query(this.insertion, [job, atMs, this.instance, retainMs]);
      if (written.length === 0) return { acquired: false };
      return { acquired: true, value: await this.watch(body, job, atMs, retainMs) };
    } finally {
      await this.engine.table.release(hold);
    }
  }

  /** The newest runs of a job, the newest first. */
  async newest(name: LockName, limit: number): Promise<RecordedRun[]> {
    return this.read(`WHERE ${OF_JOB} ORDER BY tick_at DESC LIMIT $2::int`, [
      this.engine.keys.fullNameOf(name),
      limit,
    ]);
  }

  /** The ticks that no instance has run, in their order. */
  async unrecorded(name: LockName, ticks: readonly number[]): Promise<number[]> {
    const where = `WHERE ${OF_JOB} AND tick_at OPERATOR(pg_catalog.>=) ${timestamp('$2')}`;
    const runs = await this.read(where, [this.engine.keys.fullNameOf(name), Math.min(...ticks)]);
    const recorded = new Set(runs.map(({ atMs }) => atMs));
    return ticks.filter((atMs) => !recorded.has(atMs));
  }

  /** Whether the instance that runs the tick is alive. */
  isRunning(name: LockName, atMs: number): Promise<boolean> {
    return this.engine.table.isLocked(this.runKey(name, atMs));
  }

  /** Gives up the connections of its own. Never rejects. */
  close(): Promise<void> {
    return this.database.close();
  }

  private runKey(name: LockName, atMs: number): LockKey {
    return this.engine.keys.claimKeyOf(name, `${new Date(atMs).toISOString()}#run`);
  }

  /**
   * The clock of the server decides what is too old, as it does when rows are deleted: what was deleted
   * cannot run again.
   */
  private get insertion(): string {
    return `INSERT INTO ${this.table} (job, tick_at, instance, started_at)
      SELECT $1::pg_catalog.text, ${timestamp('$2')}, $3::pg_catalog.text, pg_catalog.clock_timestamp()
       WHERE ${timestamp('$2')} OPERATOR(pg_catalog.>=) ${ago('$4')}
      ON CONFLICT (job, tick_at) DO NOTHING RETURNING job`;
  }

  private async watch<T>(body: () => Promise<T>, job: string, atMs: number, retainMs: number): Promise<T> {
    try {
      const value = await body();
      await this.end(job, atMs, 'done', null, retainMs);
      return value;
    } catch (error) {
      await this.end(job, atMs, 'failed', describeError(error), retainMs);
      throw error;
    }
  }

  /** Never rejects: the job has run. */
  private async end(
    job: string,
    atMs: number,
    outcome: string,
    error: string | null,
    retainMs: number,
  ): Promise<void> {
    try {
      await this.query(
        `UPDATE ${this.table} SET ended_at = pg_catalog.clock_timestamp(),
          outcome = $3::pg_catalog.text, error = $4::pg_catalog.text
          WHERE ${OF_TICK}`,
        [job, atMs, outcome, error],
      );
      await this.query(
        `DELETE FROM ${this.table} WHERE ${OF_JOB} AND tick_at OPERATOR(pg_catalog.=) ANY (
           SELECT tick_at FROM ${this.table}
            WHERE ${OF_JOB} AND tick_at OPERATOR(pg_catalog.<) ${ago('$2')}
            ORDER BY tick_at LIMIT ${MAX_PRUNED})`,
        [job, retainMs],
      );
    } catch (cause) {
      const tick = new Date(atMs).toISOString();
      this.log.warn(`The end of ${job} for ${tick} could not be recorded: ${describeError(cause)}`);
    }
  }

  private async read(where: string, parameters: unknown[]): Promise<RecordedRun[]> {
    const rows = await this.query<Row>(`SELECT ${COLUMNS} FROM ${this.table} ${where}`, parameters);
    return rows.map(({ at_ms, started_ms, ended_ms, instance, outcome, error }) => ({
      atMs: Number(at_ms),
      instance,
      startedMs: Number(started_ms),
      endedMs: ended_ms === null ? null : Number(ended_ms),
      outcome,
      error,
    }));
  }

  private get table(): string {
    return this.database.tableOf(RUN_TABLE);
  }

  private async query<R = unknown>(sql: string, parameters: unknown[]): Promise<R[]> {
    return this.database.query<R>(sql, parameters);
  }
}
