import type { DataSource } from 'typeorm';
import {
  connectionConfig,
  type DatabaseOptions,
  openPool,
  type PgPool,
  type PreparingClient,
  queryPrepared,
  quotedTable,
  tableOf,
} from '../../core/index.js';

/** The application's own database, with the tables of the library. */
export interface RecordDatabase {
  /** Whether it can be queried by now. */
  readonly isReady: boolean;
  query<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]>;
  /** A table as statements name it: where the application has it. */
  tableOf(name: string): string;
  /** Gives up the connections of its own. Never rejects. */
  close(): Promise<void>;
}

/** The application's data source, which need not know the entity. */
export function recordsInDataSource(findDataSource: () => DataSource): RecordDatabase {
  return {
    tableOf: (name) => tableOf(findDataSource(), name),
    get isReady() {
      return findDataSource().isInitialized;
    },
    query: (sql, parameters) => findDataSource().query(sql, [...parameters]),
    close: () => Promise.resolve(),
  };
}

/** Two jobs can write at a time, and a lock connection is never busy with a record. */
const MAX_CONNECTIONS = 2;

const HEARTBEAT_MS = 2_000;

/** How long a query that hangs may keep a process from its end, in milliseconds. */
const CLOSE_MS = 2_000;

/** A client of that pool. */
interface RecordClient extends PreparingClient {
  /** With an error, the pool ends the client. */
  release(error?: unknown): void;
}

/** What {@link PooledRecords} needs to know. */
interface PooledRecordsOptions {
  readonly database: () => DatabaseOptions;
  /** The schema of the table, where it is not the first of the `search_path`. */
  readonly schema?: string | undefined;
  readonly instance: string;
}

/** A small pool for an application without a data source. It connects when the first run is recorded. */
export class PooledRecords implements RecordDatabase {
  readonly isReady = true;
  private pool: Promise<PgPool<RecordClient>> | undefined;

  constructor(private readonly options: PooledRecordsOptions) {}

  tableOf(name: string): string {
    return quotedTable(name, this.options.schema);
  }

  async query<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    return (await (await this.opened()).query(sql, [...parameters])).rows as Row[];
  }

  /** The same, for a statement that is run again and again: where it can be, it is planned once. */
  async queryPrepared<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    const client = await (await this.opened()).connect();
    try {
      const rows = await queryPrepared<Row>(client, sql, parameters);
      client.release();
      return rows;
    } catch (error) {
      // As the pool itself does: the backend may be ending, and the next statement would fail with it.
      client.release(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    const { pool } = this;
    if (pool === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
    await Promise.race([pool.then((opened) => opened.end()).catch(() => undefined), tooLate]);
    clearTimeout(timer);
  }

  private opened(): Promise<PgPool<RecordClient>> {
    this.pool ??= this.openPool();
    return this.pool;
  }

  private async openPool(): Promise<PgPool<RecordClient>> {
    const database = this.options.database();
    // Not the name of a lock connection, by which the fleet knows its instances.
    const applicationName = `nestjs-advisory-lock-records ${this.options.instance}`;
    return openPool(database, {
      ...connectionConfig(database, { applicationName }, { heartbeatMs: HEARTBEAT_MS }),
      max: MAX_CONNECTIONS,
      // A process that has nothing else to do may end.
      allowExitOnIdle: true,
    });
  }
}
