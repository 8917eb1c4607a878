import { LockConfigurationError } from '../errors/lock-configuration.error.js';
import { brokeConnection } from '../errors/lock-connection.error.js';
import { messageOf } from '../errors/message-of.js';
import { ColumnQuery, type WireConnection } from './column-query.js';
import { type ServerFacts, shakeHands } from './handshake.js';
import { pinScript, repinScript, UNPIN } from '../sql/pooler-scripts.js';
import { settingsScript } from '../sql/settings-script.js';
import type { Statement } from '../sql/statement.js';
import { isPooled, pinSettings, type PoolerOption } from './pooler.js';
import { sessionSettings } from './session-settings.js';
import type { SessionTimes } from './session-times.js';

/** The part of a client of a node-postgres pool that is used here. */
export interface PgClient {
  /** Missing in the client of pg-native, which TypeORM uses when it is installed. */
  readonly connection?: WireConnection;
  /** The pid that the server, or the pooler, announced for cancel requests to this connection. */
  readonly processID?: number | null;
  /** The queries that it has taken and not sent yet. */
  readonly _queryQueue?: readonly unknown[];
  /** The same before pg 8.17, and deprecated after it. */
  readonly queryQueue?: readonly unknown[];
  query(query: ColumnQuery): unknown;
  query(script: string): Promise<ScriptResult | ScriptResult[]>;
  query(config: Statement & { rowMode: 'array'; types: object }): Promise<{ rows: (string | null)[][] }>;
  end(): Promise<void>;
  /** Gives it back to the pool, which forgets it. */
  release(destroy: true): void;
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown;
  on(event: 'notification', listener: (notification: Notification) => void): unknown;
}

interface ScriptResult {
  readonly rows: Readonly<Record<string, unknown>>[];
}

/** What a backend received by NOTIFY. */
export interface Notification {
  readonly channel: string;
  readonly payload?: string;
  /** The pid of the backend that has sent it, as the server reports it. */
  readonly processId: number;
}

/** The channels that a connection listens to, when it has a backend of its own. */
export interface Listening {
  channelsOf(backendPid: number): readonly string[];
  onNotification(notification: Notification): void;
}

/** How a connection is used. */
export interface LockConnectionUse extends SessionTimes {
  readonly pooler: PoolerOption;
}

/** How long the regular end of a connection may take before the socket is cut, in milliseconds. */
const CLOSE_MS = 2_000;

const asText = { getTypeParser: () => (text: string) => text };

/** One connection to one backend, taken out of its pool until it ends. */
export class LockConnection {
  private pinnedTo: number | undefined;

  private constructor(
    private readonly client: PgClient,
    /** Resolves when the connection is over, to the error that ended it. */
    readonly ended: Promise<Error>,
    readonly server: ServerFacts,
    /** Whether a pooler may give it another backend in each transaction. */
    readonly isPooled: boolean,
    private readonly frozenAfterMs: number | undefined,
    /** Whether it receives notifications. */
    readonly isListening: boolean,
  ) {}

  /** The pid that the server, or the pooler, announced; `undefined` where the driver does not report it. */
  get announcedPid(): number | undefined {
    return this.client.processID ?? undefined;
  }

  /** Applies the settings of the session where the connection has a backend of its own. */
  static async of(client: PgClient, use: LockConnectionUse, listening?: Listening): Promise<LockConnection> {
    // There is a connection: whatever fails is no sign of a database that cannot be reached.
    const ended = endOf(client);
    void ended.then(() => {
      client.release(true);
    });
    const tooLate = setTimeout(() => {
      cut(client);
    }, use.lostAfterMs);
    try {
      const server = await shakeHands((statement) => queryColumn(client, statement));
      const pooled = isPooled(use.pooler, client.processID, server.backendPid);
      if (client.processID !== server.backendPid) await refuseStatementPooling(client);
      if (!pooled && use.frozenAfterMs !== undefined && server.versionNumber < 140_000)
        throw hasNoLease(server);
      const isListening = !pooled && (await settle(client, server, use, listening));
      return new LockConnection(client, ended, server, pooled, use.frozenAfterMs, isListening);
    } catch (error) {
      cut(client);
      throw brokeConnection(error);
    } finally {
      clearTimeout(tooLate);
    }
  }

  /** The pid of the backend that holds the locks; `undefined` while a pooler has not assigned one. */
  get backendPid(): number | undefined {
    return this.isPooled ? this.pinnedTo : this.server.backendPid;
  }

  /**
   * Whether a statement of that name may be sent while another one is in flight: where it is prepared on a
   * backend of its own, without a pooler of any kind in between.
   */
  canPipeline(name = ''): boolean {
    const isDirect = !this.isPooled && this.announcedPid === this.server.backendPid;
    return isDirect && this.client.connection?.parsedStatements[name] !== undefined;
  }

  /**
   * Runs a statement, and resolves to its first column as text. One at a time, but for a second one where
   * {@link canPipeline} is true: pg 8 warns of the next query that waits on a busy client, which goes away in
   * pg 9.
   */
  query(statement: Statement): Promise<(string | null)[]> {
    // A prepared statement stays with its backend, where another client of the pooler may have prepared one
    // with the same name.
    const named = this.isPooled ? { ...statement, name: '' } : statement;
    return queryColumn(this.client, named, { mayPipeline: this.canPipeline(named.name) });
  }

  /**
   * Runs a script that has no result, such as a block of PL/pgSQL, and after it a statement: the same as
   * {@link query}, without a round trip in between.
   */
  async queryAfter(script: string, { text }: Statement): Promise<(string | null)[]> {
    if (this.client.connection !== undefined) return queryColumn(this.client, { text }, { script });
    await this.run(script);
    return this.query({ text });
  }

  /** Runs several statements as one message, and resolves to the rows of the last. */
  async run(script: string): Promise<ScriptResult['rows']> {
    const results = await this.client.query(script);
    const last = Array.isArray(results) ? results.at(-1) : results;
    return last?.rows ?? [];
  }

  /**
   * Makes certain that a pooler gives the backend to no other client, until {@link unpin}. Without a pooler
   * it does nothing.
   */
  async pin(): Promise<void> {
    if (this.isPooled && this.pinnedTo === undefined) this.pinnedTo = await this.runPin(this.pinScript);
  }

  /** Gives the backend back to a pooler. It must hold no lock. */
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

  /** Ends the connection; when it resolves, the server has freed all of its locks, or its socket is cut. */
  async close(): Promise<void> {
    const cut = setTimeout(() => {
      this.destroy();
    }, CLOSE_MS);
    // The server keeps its end of the socket open until its backend is gone, locks and all.
    void this.client.end().catch(() => undefined);
    await this.ended;
    clearTimeout(cut);
  }

  /** Cuts the socket at once. It is for a connection in doubt, which must not return to a pool. */
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
 * Applies the settings of the session and makes it listen, in one round trip; resolves to whether it listens.
 * A server without LISTEN can still be used for locks.
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
      // A script that fails has no effect. When the connection is broken, the next statement fails, too.
    }
  }
  await client.query(settings);
  return false;
}

/**
 * PgBouncer with `pool_mode = statement` may give each statement another backend, so that no lock can be held
 * there. It ends a connection that begins a transaction, and says why.
 */
async function refuseStatementPooling(client: PgClient): Promise<void> {
  try {
    // Two messages: it looks at the state at the end of each.
    await client.query('BEGIN');
    await client.query('COMMIT');
  } catch (error) {
    if (!/statement pooling/i.test(messageOf(error))) throw error;
    throw new LockConfigurationError(
      'The lock connection must be able to keep a backend, but it goes through a pooler in statement mode ' +
        `(PgBouncer with \`pool_mode = statement\`), which may use another one for each statement, so that ` +
        'no lock can be held. Let `connectionOptions` of AdvisoryLockModule point to PostgreSQL itself, or ' +
        'to a pool in session or transaction mode.',
      { cause: error },
    );
  }
}

function hasNoLease({ version }: ServerFacts): LockConfigurationError {
  return new LockConfigurationError(
    `The option \`frozenAfterMs\` of AdvisoryLockModule needs \`idle_session_timeout\` and so Postgres 14 ` +
      `or later, received the server "${version}". Leave the option out, or set \`pooler: 'transaction'\`, ` +
      'which needs only older timeouts.',
  );
}

/** The listeners stay permanently: a late socket error without a listener would end the process. */
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

async function queryColumn(
  client: PgClient,
  statement: Statement,
  { script, mayPipeline = false }: { readonly script?: string; readonly mayPipeline?: boolean } = {},
): Promise<(string | null)[]> {
  if (client.connection === undefined) {
    const { rows } = await client.query({ ...statement, rowMode: 'array', types: asText });
    return rows.map(([value]) => value ?? null);
  }
  const query = new ColumnQuery(statement, script);
  try {
    client.query(query);
    if (mayPipeline && isNext(client, query)) query.send(client.connection);
  } catch (error) {
    // Thrown by a tool that wraps the client. The statement may be on its way all the same, and fail later.
    query.result.catch(() => undefined);
    throw error;
  }
  return query.result;
}

/**
 * Whether the client takes up the query right after the one that it has sent, so that the server may have it
 * already. The one before may still wait in the client: while it has not read the end of a failed statement,
 * or in a wrapper of `client.query` that calls it later. Then the client would take the rows of the one for
 * those of the other.
 */
function isNext(client: PgClient, query: ColumnQuery): boolean {
  const queue = client._queryQueue ?? client.queryQueue;
  return queue?.length === 1 && queue[0] === query;
}

function cut(client: PgClient): void {
  if (client.connection === undefined) void client.end().catch(() => undefined);
  else client.connection.stream.destroy();
}
