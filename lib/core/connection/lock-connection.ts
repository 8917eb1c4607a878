import type { QueryRunner } from 'typeorm';
import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { ColumnQuery, type WireConnection } from './column-query.js';
import { type ServerFacts, shakeHands } from './handshake.js';
import { pinScript, repinScript, UNPIN } from '../sql/pooler-scripts.js';
import { settingsScript } from '../sql/settings-script.js';
import type { Statement } from '../sql/statement.js';
import { isPooled, pinSettings, type PoolerOption } from './pooler.js';
import { sessionSettings } from './session-settings.js';
import type { SessionTimes } from './session-times.js';

/** The little of a node-postgres client that is used here, so that the published types need no `@types/pg`. */
interface PgClient {
  /** Missing in the client of pg-native, which TypeORM takes when it is installed. */
  readonly connection?: WireConnection;
  /** By which it was announced that this connection can be cancelled. */
  readonly processID?: number | null;
  query(query: ColumnQuery): unknown;
  query(script: string): Promise<ScriptResult | ScriptResult[]>;
  query(config: Statement & { rowMode: 'array'; types: object }): Promise<{ rows: (string | null)[][] }>;
  end(): Promise<void>;
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown;
  on(event: 'notification', listener: (notification: Notification) => void): unknown;
}

interface ScriptResult {
  readonly rows: Readonly<Record<string, unknown>>[];
}

/** What a backend was told by NOTIFY. */
export interface Notification {
  readonly channel: string;
  readonly payload?: string;
  /** The pid of the backend that has sent it, by the word of the server. */
  readonly processId: number;
}

/** What a connection listens to, when it has a backend of its own. */
export interface Listening {
  channelsOf(backendPid: number): readonly string[];
  onNotification(notification: Notification): void;
}

/** How a connection is to be used. */
export interface LockConnectionUse extends SessionTimes {
  readonly pooler: PoolerOption;
}

/** How long a polite good-bye to the server may take before the socket is cut, in milliseconds. */
const CLOSE_MS = 2_000;

const asText = { getTypeParser: () => (text: string) => text };

/** One connection to one backend, checked out of TypeORM for as long as it lives. */
export class LockConnection {
  private pinnedTo: number | undefined;

  private constructor(
    private readonly client: PgClient,
    /** Settles once when the connection is over, with what ended it. */
    readonly ended: Promise<Error>,
    readonly server: ServerFacts,
    /** Whether a pooler may give it another backend from one transaction to the next. */
    readonly isPooled: boolean,
    private readonly frozenAfterMs: number | undefined,
    /** Whether it hears notifications. */
    readonly isListening: boolean,
  ) {}

  /** Connects, and makes the settings of the session where it has a backend of its own. */
  static async of(
    runner: QueryRunner,
    use: LockConnectionUse,
    listening?: Listening,
  ): Promise<LockConnection> {
    const client = (await runner.connect()) as PgClient;
    const ended = endOf(client);
    void ended.then(() => runner.release());
    const tooLate = setTimeout(() => {
      cut(client);
    }, use.lostAfterMs);
    try {
      const server = await shakeHands((statement) => queryColumn(client, statement));
      const pooled = isPooled(use.pooler, client.processID, server.backendPid);
      if (!pooled && use.frozenAfterMs !== undefined && server.versionNumber < 140_000)
        throw hasNoLease(server);
      const isListening = !pooled && (await settle(client, server, use, listening));
      return new LockConnection(client, ended, server, pooled, use.frozenAfterMs, isListening);
    } catch (error) {
      cut(client);
      throw error;
    } finally {
      clearTimeout(tooLate);
    }
  }

  /** The backend that the locks are of; `undefined` as long as a pooler has not settled on one. */
  get backendPid(): number | undefined {
    return this.isPooled ? this.pinnedTo : this.server.backendPid;
  }

  /**
   * Runs a statement, and answers its first column as text. One at a time: queries on a busy node-postgres client are
   * deprecated and go away in pg 9. It goes to the client itself, because TypeORM's query() knows no prepared statements.
   */
  query(statement: Statement): Promise<(string | null)[]> {
    // A prepared statement stays with the backend that it was made on, and another client may have made one of that name there.
    return queryColumn(this.client, this.isPooled ? { ...statement, name: '' } : statement);
  }

  /** Runs several statements as one message, and answers the rows of the last. */
  async run(script: string): Promise<ScriptResult['rows']> {
    const results = await this.client.query(script);
    const last = Array.isArray(results) ? results.at(-1) : results;
    return last?.rows ?? [];
  }

  /** Makes sure that a pooler gives the backend to nobody else, until {@link unpin}. Without a pooler there is nothing to do. */
  async pin(): Promise<void> {
    if (this.isPooled && this.pinnedTo === undefined) this.pinnedTo = await this.runPin(this.pinScript);
  }

  /** Lets a pooler have the backend back. It must hold no lock any more. */
  async unpin(): Promise<void> {
    if (this.pinnedTo === undefined) return;
    this.pinnedTo = undefined;
    await this.run(UNPIN);
  }

  /** Goes on after a statement has failed, on the same backend. */
  async repin(): Promise<void> {
    if (this.pinnedTo === undefined) return;
    const backendPid = await this.runPin(repinScript(this.pinScript));
    if (backendPid !== this.pinnedTo) throw new Error('the pooler has taken the backend away');
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
    cut(this.client);
  }

  private get pinScript(): string {
    return pinScript(pinSettings(this.server, this.frozenAfterMs));
  }

  private async runPin(script: string): Promise<number> {
    const [row] = await this.run(script);
    return Number(row?.['backendPid']);
  }
}

/**
 * Makes the settings of the session and has it listen, in one round trip; answers whether it listens. A server that cannot, such as a
 * standby, has the locks all the same.
 */
async function settle(
  client: PgClient,
  server: ServerFacts,
  times: SessionTimes,
  listening: Listening | undefined,
): Promise<boolean> {
  const settings = settingsScript(sessionSettings(times, server));
  if (listening !== undefined && !server.isInRecovery) {
    const channels = listening.channelsOf(server.backendPid);
    client.on('notification', (notification) => {
      listening.onNotification(notification);
    });
    try {
      await client.query(`${settings}; ${channels.map((channel) => `LISTEN ${channel}`).join('; ')}`);
      return true;
    } catch {
      // Of a script that fails nothing is done. Where it is the connection that is broken, the next statement says so.
    }
  }
  await client.query(settings);
  return false;
}

function hasNoLease({ version }: ServerFacts): LockConfigurationError {
  return new LockConfigurationError(
    `The option \`frozenAfterMs\` of AdvisoryLockModule needs \`idle_session_timeout\`, which Postgres has since 14, but the server is ` +
      `"${version}". Leave it out, or set \`pooler: 'transaction'\`, which makes do with older timeouts.`,
  );
}

/**
 * TypeORM only marks the query runner as released when its backend dies, so the client itself is listened to. The listeners stay for
 * good: a late socket error without one would end the process.
 */
function endOf(client: PgClient): Promise<Error> {
  return new Promise((resolve) => {
    client.on('error', (error) => {
      resolve(error ?? new Error('the connection broke'));
    });
    client.on('end', () => {
      resolve(new Error('the connection was closed'));
    });
  });
}

async function queryColumn(client: PgClient, statement: Statement): Promise<(string | null)[]> {
  if (client.connection === undefined) {
    const { rows } = await client.query({ ...statement, rowMode: 'array', types: asText });
    return rows.map(([value]) => value ?? null);
  }
  const query = new ColumnQuery(statement);
  client.query(query);
  return query.answer;
}

function cut(client: PgClient): void {
  if (client.connection === undefined) void client.end().catch(() => undefined);
  else client.connection.stream.destroy();
}
