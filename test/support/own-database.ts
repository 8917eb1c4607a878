import { randomBytes } from 'node:crypto';
import pg from 'pg';
import {
  type ConnectionRow,
  failOnLeaks,
  findAdvisoryLocks,
  findConnections,
  type LeakCheckOptions,
  type LockRow,
  OWN_APPLICATION_NAME,
} from './leak-check.js';

export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** Runs on one connection that is kept for as long as the database and is never counted. */
  query<Row extends pg.QueryResultRow>(sql: string, params?: unknown[]): Promise<Row[]>;
  advisoryLocks(): Promise<LockRow[]>;
  connections(): Promise<ConnectionRow[]>;
}

/** A database on the server of the run; nothing is there before `create`, nor after `drop`. */
export class OwnDatabase implements TestDatabase {
  readonly name: string;
  readonly url: string;
  readonly #admin: pg.Pool;
  readonly #own: pg.Pool;

  constructor() {
    const { TEST_ADMIN_URL: adminUrl, TEST_DATABASE_PREFIX: prefix } = process.env;
    if (!adminUrl || !prefix) throw new Error('There is no Postgres: global-setup.ts did not run.');
    this.name = `${prefix}_${randomBytes(4).toString('hex')}`;
    this.url = urlOf(adminUrl, this.name);
    this.#admin = singleConnection(adminUrl);
    this.#own = singleConnection(this.url);
  }

  async create(): Promise<void> {
    // template1 cannot be copied while it has connections, and template0 allows none.
    await this.#admin.query(`CREATE DATABASE "${this.name}" TEMPLATE template0`);
  }

  async query<Row extends pg.QueryResultRow>(sql: string, params?: unknown[]): Promise<Row[]> {
    return (await this.#own.query<Row>(sql, params)).rows;
  }

  advisoryLocks(): Promise<LockRow[]> {
    return findAdvisoryLocks(this.#admin, this.name);
  }

  connections(): Promise<ConnectionRow[]> {
    return findConnections(this.#admin, this.name);
  }

  failOnLeaks(options: LeakCheckOptions): Promise<void> {
    return failOnLeaks(this.#admin, this.name, options);
  }

  async drop(): Promise<void> {
    await this.#own.end();
    await this.#admin.query(`DROP DATABASE IF EXISTS "${this.name}" WITH (FORCE)`);
    await this.#admin.end();
  }
}

function urlOf(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${database}`;
  return url.href;
}

function singleConnection(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 1,
    idleTimeoutMillis: 0,
    application_name: OWN_APPLICATION_NAME,
  });
  // The leak check may end the connection when a test left a lock on it; the pool then opens another.
  pool.on('error', () => undefined);
  return pool;
}
