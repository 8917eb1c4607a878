import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverUser } from '../../../sample-app/postgres/binaries.js';
import { freePort } from '../../../sample-app/postgres/server.js';
import { withClient } from '../../support/admin.js';
import { installedProgram } from './installed-program.js';
import { type LastWill, leaveWill } from './last-will.js';
import { type ServerProcess, startServerProcess, untilResponds } from './server-process.js';

export interface PgBouncerOptions {
  readonly mode: 'transaction' | 'session' | 'statement';
  /** Server connections for a user and a database. Default: 5. */
  readonly poolSize?: number;
  /** More settings of `pgbouncer.ini`. */
  readonly settings?: Record<string, string | number>;
}

export class PgBouncer {
  /** The URL of the server behind it, but through it. */
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  readonly #folderWill: LastWill;
  #process: ServerProcess | undefined;

  constructor(serverUrl: string, port: number, folder: string) {
    const url = new URL(serverUrl);
    url.host = `127.0.0.1:${port}`;
    this.url = url.href;
    this.port = port;
    this.folder = folder;
    this.#folderWill = leaveWill(`rm -rf '${folder}'`);
  }

  get pid(): number {
    if (this.#process === undefined) throw new Error('PgBouncer was not started.');
    return this.#process.pid;
  }

  /** What it has logged since it was started. */
  get log(): string {
    return this.#process?.log() ?? '';
  }

  /** Starts it, on the port that it had, and waits until a query through it succeeds. */
  async start(): Promise<void> {
    this.#process = await startServerProcess({
      program: installedProgram('pgbouncer'),
      args: [join(this.folder, 'pgbouncer.ini')],
      user: serverUser(),
      folder: this.folder,
      ready: /process up/,
    });
    await untilResponds(this.url, 'PgBouncer responds');
  }

  /** An immediate shutdown: clients and server connections are dropped. */
  async stop(): Promise<void> {
    await this.#process?.end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** The rows of a `SHOW …` of the administration console, such as `SHOW POOLS`. */
  show<Row extends object>(what: string): Promise<Row[]> {
    const url = new URL(this.url);
    url.pathname = '/pgbouncer';
    return withClient(url.href, async (client) => (await client.query<Row>(`SHOW ${what}`)).rows);
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
    this.#folderWill.revoke();
  }
}

/** A PgBouncer on loopback in front of the server of this URL; every client is the user of that URL. */
export async function startPgBouncer(serverUrl: string, options: PgBouncerOptions): Promise<PgBouncer> {
  installedProgram('pgbouncer');
  const port = await freePort();
  const { uid, gid } = serverUser();
  const folder = await mkdtemp(join(uid === undefined ? tmpdir() : '/tmp', 'test-pgbouncer-'));
  const bouncer = new PgBouncer(serverUrl, port, folder);
  try {
    const ini = join(folder, 'pgbouncer.ini');
    await writeFile(ini, settingsFile(new URL(serverUrl), port, options), { mode: 0o600 });
    // It refuses to run as root.
    if (uid !== undefined && gid !== undefined) {
      await chown(folder, uid, gid);
      await chown(ini, uid, gid);
    }
    await bouncer.start();
    return bouncer;
  } catch (error) {
    await bouncer.close();
    throw error;
  }
}

function settingsFile(server: URL, port: number, { mode, poolSize = 5, settings }: PgBouncerOptions): string {
  const password = decodeURIComponent(server.password).replaceAll("'", "''");
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: mode,
    default_pool_size: poolSize,
    // Its default of 15 s would make it refuse clients long after the server is back.
    server_login_retry: 0.2,
    log_connections: 0,
    log_disconnections: 0,
    ...settings,
  };
  const user = decodeURIComponent(server.username);
  return [
    '[databases]',
    `* = host=${server.hostname} port=${server.port || '5432'} user=${user} password='${password}'`,
    '[pgbouncer]',
    ...Object.entries(lines).map(([name, value]) => `${name} = ${value}`),
    '',
  ].join('\n');
}
