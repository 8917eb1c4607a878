import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { LockConnectionError } from '../errors/lock-connection.error.js';
import { LockConnection } from './lock-connection.js';
import { type LockConnectionOptions, type PostgresOptions, siblingOptions } from './sibling-options.js';

const DEFAULT_MAX_CONNECTIONS = 4;

/** The pause before the second attempt in a row, in milliseconds; it doubles up to the longest. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Opens connections for locks on a data source of the library's own: the application's pool stays whole, however many locks
 * are held, and a connection in doubt can be destroyed without asking anybody.
 */
export class LockConnections {
  private dataSource: Promise<DataSource> | undefined;
  private failures = 0;
  private nextAttemptAt = 0;

  constructor(
    private readonly applicationOptions: () => PostgresOptions,
    private readonly overrides: LockConnectionOptions,
    private readonly applicationName: string,
    /** How many there may be at a time, the one for locks that are not waited for included. */
    readonly maxConnections: number = DEFAULT_MAX_CONNECTIONS,
  ) {}

  /** Throws `LOCK_CONFIGURATION` when there is no data source on Postgres. */
  checkDataSource(): void {
    this.applicationOptions();
  }

  /** Connects; rejects with `LOCK_CONNECTION`. After a failure it first lets a pause go by, so that nothing hammers. */
  async open(): Promise<LockConnection> {
    const options = siblingOptions(
      this.applicationOptions(),
      this.overrides,
      this.applicationName,
      this.maxConnections,
    );
    await sleep(Math.max(0, this.nextAttemptAt - performance.now()));
    try {
      this.dataSource ??= this.connectDataSource(options);
      const connection = await LockConnection.of((await this.dataSource).createQueryRunner('master'));
      this.failures = 0;
      return connection;
    } catch (error) {
      this.nextAttemptAt = performance.now() + this.pauseMs();
      this.failures += 1;
      throw new LockConnectionError(error);
    }
  }

  /** Closes the data source; connections have to be closed before. */
  async close(): Promise<void> {
    const dataSource = this.dataSource;
    this.dataSource = undefined;
    await (await dataSource)?.destroy();
  }

  private async connectDataSource(options: PostgresOptions): Promise<DataSource> {
    try {
      return await new DataSource(options).initialize();
    } catch (error) {
      this.dataSource = undefined;
      throw error;
    }
  }

  /** Between half and the whole of the doubled pause, so that the instances of a fleet do not come back in step. */
  private pauseMs(): number {
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.failures);
    return longest * (0.5 + Math.random() / 2);
  }
}
