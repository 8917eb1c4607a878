import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverUser } from '../../../sample-app/postgres/binaries.js';
import { freePort } from '../../../sample-app/postgres/server.js';
import { installedProgram } from './installed-program.js';
import { type LastWill, leaveWill } from './last-will.js';
import { type ServerProcess, startServerProcess, untilResponds } from './server-process.js';

/** One process per client; each keeps the backend of its last client. */
const MAX_CLIENTS = 12;

/** A pgpool-II on loopback, in front of one server, or of a primary and its standbys. */
export class Pgpool {
  /** The URL of the first server, but through it. */
  readonly url: string;
  readonly #folder: string;
  readonly #folderWill: LastWill;
  #process: ServerProcess | undefined;

  constructor(url: string, folder: string) {
    this.url = url;
    this.#folder = folder;
    this.#folderWill = leaveWill(`rm -rf '${folder}'`);
  }

  /** Starts it, on the port that it had, and waits until a query through it succeeds. */
  async start(): Promise<void> {
    const path = (name: string) => join(this.#folder, name);
    this.#process = await startServerProcess({
      program: installedProgram('pgpool'),
      args: ['-n', '-f', path('pgpool.conf'), '-F', path('pcp.conf'), '-a', path('pool_hba.conf')],
      user: serverUser(),
      folder: this.#folder,
      ready: /successfully started/,
    });
    await untilResponds(this.url, 'pgpool-II responds');
  }

  /** An immediate shutdown: clients and server connections are dropped. */
  async stop(): Promise<void> {
    await this.#process?.end('SIGQUIT');
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
    this.#folderWill.revoke();
  }
}

export interface PgpoolOptions {
  readonly standbyUrl?: string;
  /** More settings of `pgpool.conf`. */
  readonly settings?: Record<string, string | number>;
}

/** Clients give it the password of the server. Every SELECT that may go to the standby goes there. */
export async function startPgpool(serverUrl: string, options: PgpoolOptions = {}): Promise<Pgpool> {
  const { uid, gid } = serverUser();
  const folder = await mkdtemp(join(uid === undefined ? tmpdir() : '/tmp', 'test-pgpool-'));
  const url = new URL(serverUrl);
  const port = await freePort();
  url.host = `127.0.0.1:${port}`;
  const pgpool = new Pgpool(url.href, folder);
  try {
    const settings = { port, pcp_port: await freePort(), ...foldersIn(folder), ...options.settings };
    const files = {
      'pgpool.conf': settingsFile(new URL(serverUrl), options.standbyUrl, settings),
      'pcp.conf': '',
      'pool_hba.conf': '',
    };
    if (uid !== undefined && gid !== undefined) await chown(folder, uid, gid);
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(folder, name), text, { mode: 0o600 });
      if (uid !== undefined && gid !== undefined) await chown(join(folder, name), uid, gid);
    }
    await pgpool.start();
    return pgpool;
  } catch (error) {
    await pgpool.close();
    throw error;
  }
}

const foldersIn = (folder: string) => ({
  socket_dir: folder,
  pcp_socket_dir: folder,
  logdir: folder,
  pid_file_name: join(folder, 'pgpool.pid'),
});

function settingsFile(server: URL, standbyUrl: string | undefined, given: Record<string, unknown>): string {
  const servers = standbyUrl === undefined ? [server] : [server, new URL(standbyUrl)];
  const settings = {
    backend_clustering_mode: 'streaming_replication',
    listen_addresses: '127.0.0.1',
    num_init_children: MAX_CLIENTS,
    max_pool: 1,
    // A SCRAM password cannot be passed on in another form.
    enable_pool_hba: 'off',
    allow_clear_text_frontend_auth: 'on',
    // By this user it finds out which of the servers is the primary.
    sr_check_user: decodeURIComponent(server.username),
    sr_check_password: decodeURIComponent(server.password),
    sr_check_database: 'postgres',
    sr_check_period: 0,
    load_balance_mode: 'on',
    // It fills the memory of its cache before it is up, used or not.
    memqcache_total_size: '1MB',
    memqcache_max_num_cache: 1_000,
    ...given,
  };
  const backends = servers.map(({ hostname, port: serverPort }, index) => ({
    [`backend_hostname${index}`]: hostname,
    [`backend_port${index}`]: serverPort || '5432',
    [`backend_weight${index}`]: index === 0 && servers.length > 1 ? 0 : 1,
    [`backend_flag${index}`]: 'DISALLOW_TO_FAILOVER',
  }));
  return [settings, ...backends]
    .flatMap((part) => Object.entries(part).map(([name, value]) => `${name} = '${value}'\n`))
    .join('');
}
