import type { QueryRunner } from 'typeorm';
import { ColumnQuery, type WireConnection } from './column-query.js';
import type { Statement } from './lock-statements.js';

/** The little of a node-postgres client that is used here, so that the published types need no `@types/pg`. */
interface PgClient {
  /** Missing in the client of pg-native, which TypeORM takes when it is installed. */
  readonly connection?: WireConnection;
  query(query: ColumnQuery): unknown;
  query(script: string): Promise<unknown>;
  query(config: Statement & { rowMode: 'array'; types: object }): Promise<{ rows: (string | null)[][] }>;
  end(): Promise<void>;
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown;
}

/** How long a polite good-bye to the server may take before the socket is cut, in milliseconds. */
const CLOSE_MS = 2_000;

const asText = { getTypeParser: () => (text: string) => text };

/** One connection to one backend, checked out of TypeORM for as long as it lives. */
export class LockConnection {
  /** Settles once when the connection is over, with what ended it. */
  readonly ended: Promise<Error>;

  private constructor(
    runner: QueryRunner,
    private readonly client: PgClient,
  ) {
    // TypeORM only marks the query runner as released when its backend dies, so the client itself is listened to.
    // The listeners stay for good: a late socket error without one would end the process.
    this.ended = new Promise((resolve) => {
      client.on('error', (error) => {
        resolve(error ?? new Error('the connection broke'));
      });
      client.on('end', () => {
        resolve(new Error('the connection was closed'));
      });
    });
    void this.ended.then(() => runner.release());
  }

  static async of(runner: QueryRunner): Promise<LockConnection> {
    return new LockConnection(runner, (await runner.connect()) as PgClient);
  }

  /**
   * Runs a statement, and answers its first column as text. One at a time: queries on a busy node-postgres client are
   * deprecated and go away in pg 9. It goes to the client itself, because TypeORM's query() knows no prepared statements.
   */
  query(statement: Statement): Promise<(string | null)[]> {
    if (this.client.connection === undefined) return this.queryNatively(statement);
    const query = new ColumnQuery(statement);
    this.client.query(query);
    return query.answer;
  }

  /** Runs several statements as one message, and drops what they answer. */
  async run(script: string): Promise<void> {
    await this.client.query(script);
  }

  /** Says good-bye; when it resolves, the server has freed every lock of this connection or its socket is cut. */
  async close(): Promise<void> {
    const cut = setTimeout(() => {
      this.destroy();
    }, CLOSE_MS);
    // The server keeps its end of the socket open until its backend is gone, locks and all.
    void this.client.end().catch(() => undefined);
    await this.ended;
    clearTimeout(cut);
  }

  /** Cuts the socket, without a word: for a connection in doubt, which must not return to any pool. */
  destroy(): void {
    if (this.client.connection === undefined) void this.client.end().catch(() => undefined);
    else this.client.connection.stream.destroy();
  }

  private async queryNatively(statement: Statement): Promise<(string | null)[]> {
    const { rows } = await this.client.query({ ...statement, rowMode: 'array', types: asText });
    return rows.map(([value]) => value ?? null);
  }
}
