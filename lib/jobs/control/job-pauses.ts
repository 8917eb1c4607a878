import {
  isSyntaxOrAccessError,
  LockConfigurationError,
  LockConnectionError,
  type LockLog,
  type LockName,
  type LockRuntime,
  messageOf,
  type Statement,
} from '../../core/index.js';
import { QUESTIONS } from '../../fleet/channels.js';
import { isJobNotice, JOB_NOTICE } from '../../fleet/job-notice.js';
import { notify } from '../../fleet/notify.js';
import {
  endPause,
  findTable,
  insertPause,
  type JobPause,
  type PauseSpan,
  readPause,
  selectPauses,
} from './pause-statements.js';
import type { RecordDatabase } from '../records/record-database.js';
import { createPauseTable, PAUSE_TABLE } from './pause-table.js';

/** An instance that is not notified reads the table at most once in so many milliseconds. */
const REREAD_MS = 3_000;

/**
 * Which jobs of one configured module are paused. The table has the truth. An instance reads it before the
 * first tick, and then only after a notification, or when it may have missed one because its connection was
 * lost. So a tick costs no query.
 */
export class JobPauses {
  private readonly log: LockLog;
  private pauses: ReadonlyMap<string, JobPause> = new Map();
  private reading: Promise<void> | undefined;
  /** The connection whose notifications have kept the pauses up to date since they were read. */
  private listener: object | undefined;
  private readAt = -Infinity;
  private notices = 0;
  private readNotices = -1;

  constructor(
    private readonly engine: LockRuntime,
    private readonly database: RecordDatabase,
    /** The name of this instance. */
    private readonly instance: string,
  ) {
    this.log = engine.createLog('AdvisoryLock');
    engine.onNotification((notification) => {
      if (isJobNotice(notification)) this.notices += 1;
    });
  }

  /**
   * The last pause of the job, if the tick falls into that or an earlier one. The tick decides, not the
   * clock, so that all instances agree about the last tick of a pause.
   *
   * @throws `LOCK_CONNECTION` when it cannot be known: a job that may be paused does not run.
   */
  async pauseAt(name: LockName, atMs: number): Promise<JobPause | undefined> {
    await this.refresh();
    const pause = this.of(name);
    if (pause === undefined) return undefined;
    const isLeftOut = isActive(pause)
      ? atMs < (pause.untilMs ?? Infinity)
      : spansOf(pause).some(([fromMs, untilMs]) => atMs >= fromMs && atMs < untilMs);
    return isLeftOut ? pause : undefined;
  }

  /** The last pause of a job, over or not, as it was last read. */
  of(name: LockName): JobPause | undefined {
    return this.pauses.get(this.engine.keys.fullNameOf(name));
  }

  /** The same by the text of a name, which a listing shows and no lock here need have. */
  named(text: string): JobPause | undefined {
    return this.pauses.get(this.engine.keys.prefix + text);
  }

  /** Reads the table, unless what was read before is up to date. Rejects with `LOCK_CONNECTION`. */
  async refresh(): Promise<void> {
    // An application may connect later than its locks, which have a connection of their own.
    if (!this.database.isReady) return;
    let listener = await this.engine.server.listener();
    // Those that arrive from now on are about later ticks. Any client of the database may send them without
    // end.
    const { notices } = this;
    while (!this.isFresh(listener, notices)) {
      this.reading ??= this.read(listener).finally(() => {
        this.reading = undefined;
      });
      await this.reading;
      listener = await this.engine.server.listener();
    }
  }

  /**
   * Pauses a job in the whole fleet.
   *
   * @param by - who pauses it, as listings show it.
   * @throws `LOCK_CONFIGURATION` without the table or a privilege on it, and for an end in the past;
   * `LOCK_CONNECTION` when the database is away, or the fleet could not be notified.
   */
  async pause(
    name: LockName,
    reason: string | undefined,
    until: Date | undefined,
    by = this.instance,
  ): Promise<void> {
    const job = this.engine.keys.fullNameOf(name);
    const pause = { job, reason: reason ?? null, untilMs: until?.getTime() ?? null, by };
    const [written] = await this.write(insertPause(this.table, pause));
    if (written === undefined) {
      throw new LockConfigurationError(
        `The option \`until\` of pause() must be in the future, received ${String(until?.toISOString())}, ` +
          'which has passed by the clock of the server. Nothing was changed.',
        { lockName: job },
      );
    }
    await this.notify();
  }

  /**
   * Ends the pause of a job in the whole fleet; does nothing when it is not paused.
   *
   * @throws like {@link JobPauses.pause}.
   */
  async resume(name: LockName): Promise<void> {
    await this.write(endPause(this.table, this.engine.keys.fullNameOf(name)));
    // Also when nothing was changed: the notification of an earlier call may have failed.
    await this.notify();
  }

  private isFresh(listener: object | undefined, notices: number): boolean {
    if (this.readNotices < notices) return false;
    return listener === undefined ? performance.now() - this.readAt < REREAD_MS : listener === this.listener;
  }

  /** The notices count from before the query: one that arrives during it makes what is read out of date. */
  private async read(listener: object | undefined): Promise<void> {
    const { notices } = this;
    this.pauses = new Map((await this.queryPauses()).map((pause) => [pause.job, pause]));
    this.readNotices = notices;
    this.listener = listener;
    this.readAt = performance.now();
  }

  private async queryPauses(): Promise<JobPause[]> {
    try {
      const [found] = await this.query(findTable(this.table));
      if (found === undefined || found === '') return [];
      return (await this.query(selectPauses(this.table))).map(readPause);
    } catch (error) {
      if (!isSyntaxOrAccessError(error))
        throw new LockConnectionError(error, undefined, 'Pauses are unknown');
      this.log.warn(`Jobs cannot be paused here, as the table of pauses cannot be read: ${error.message}`);
      return [];
    }
  }

  private async write(statement: Statement): Promise<string[]> {
    try {
      return await this.query(statement);
    } catch (cause) {
      if (!isSyntaxOrAccessError(cause)) {
        throw new LockConnectionError(cause, undefined, 'It is not known whether the pause was changed');
      }
      throw new LockConfigurationError(
        `Pausing a job needs a table that the application can write: ${messageOf(cause)}. ` +
          'Add the migration CreateAdvisoryLockJobPauses1735776000000 to the data source, or the ' +
          'entity AdvisoryLockJobPause where `synchronize` is set, or run the following SQL, and grant ' +
          'SELECT, INSERT and UPDATE on the table to the role of the application: ' +
          `${createPauseTable(this.table).replace(/\s+/g, ' ')};`,
        { cause },
      );
    }
  }

  /**
   * By a statement of its own. The pause is committed as durably as the application commits, while a commit
   * with NOTIFY holds up all others of the server.
   */
  private async notify(): Promise<void> {
    this.notices += 1;
    try {
      await notify({ query: (statement) => this.query(statement) }, QUESTIONS, () => JOB_NOTICE);
    } catch (cause) {
      throw new LockConnectionError(
        cause,
        undefined,
        'The table was changed, but instances that are connected were not notified. Call it again',
      );
    }
  }

  private get table(): string {
    return this.database.tableOf(PAUSE_TABLE);
  }

  private async query({ text, values }: Statement): Promise<string[]> {
    const rows = await this.database.query<object | object[]>(text, values ?? []);
    // TypeORM resolves to rows and their number for UPDATE.
    const [first] = rows;
    const found = Array.isArray(first) ? (first as object[]) : rows;
    return found.map((row) => Object.values(row as Record<string, string>)[0] ?? '');
  }
}

/** All pauses that are known by a row: the newest first; `Infinity` where one has no end. */
export function spansOf({ pausedAtMs, untilMs, earlier }: JobPause): readonly PauseSpan[] {
  return [[pausedAtMs, untilMs ?? Infinity], ...earlier];
}

/** By the clock of this process, as only ticks of before the pause depend on it. */
export function isActive({ untilMs }: JobPause): boolean {
  return untilMs === null || untilMs > Date.now();
}
