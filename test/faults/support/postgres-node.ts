import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerUser } from '../../../sample-app/postgres/binaries.js';
import { SETTINGS } from '../../../sample-app/postgres/server.js';
import { withClient } from '../../support/admin.js';
import { type LastWill, leaveWill } from './last-will.js';
import { type ServerProcess, startServerProcess } from './server-process.js';

export interface PostgresNodeOptions {
  /** The `postgres` to start, and its user. */
  readonly program: string;
  readonly user: ServerUser;
  /** Holds the folder `data`, and is removed with the server. */
  readonly folder: string;
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly flags: string[];
}

/** A Postgres that can crash and start again, on the same port, with the same data. */
export class PostgresNode {
  readonly url: string;
  /** Past the network: through the socket in its folder. */
  readonly socketUrl: string;
  readonly #folderWill: LastWill;
  #process: ServerProcess | undefined;

  constructor(readonly options: PostgresNodeOptions) {
    const { host, port, password, folder } = options;
    this.url = `postgres://postgres:${password}@${host}:${port}/postgres`;
    this.socketUrl = `postgres://postgres:${password}@${encodeURIComponent(folder)}:${port}/postgres`;
    this.#folderWill = leaveWill(`rm -rf '${folder}'`);
  }

  get port(): number {
    return this.options.port;
  }

  get dataFolder(): string {
    return join(this.options.folder, 'data');
  }

  /** Of the postmaster; it is another one after each start. */
  get pid(): number {
    if (this.#process === undefined) throw new Error('This server was never started.');
    return this.#process.pid;
  }

  /** What it has logged since it was started. */
  get log(): string {
    return this.#process?.log() ?? '';
  }

  /** Calls `onAttempt` before each attempt: while backends of a crashed postmaster are left, one fails. */
  async start(onAttempt?: () => void): Promise<void> {
    const { host, port, folder, program, user, flags } = this.options;
    const settings = {
      ...SETTINGS,
      listen_addresses: host,
      unix_socket_directories: folder,
      // What was committed, a transaction id that served as a fencing token included, outlives a crash.
      synchronous_commit: 'on',
    };
    const settingFlags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const args = ['-D', this.dataFolder, '-p', String(port), ...settingFlags, ...flags];
    const deadline = performance.now() + 20_000;
    for (;;) {
      onAttempt?.();
      try {
        this.#process = await startServerProcess({ program, args, user, folder, ready: /ready to accept/ });
        return;
      } catch (error) {
        // The backends of a crashed postmaster have not all noticed yet.
        const isTooEarly = /pre-existing shared memory|Address already in use/.test(String(error));
        if (!isTooEarly || performance.now() > deadline) throw error;
      }
    }
  }

  /**
   * `fast` ends backends in good order; `immediate` leaves the work of a crash recovery to the next start.
   */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#process?.end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  }

  /** `kill -9` of the postmaster: its backends notice by themselves, unless they are frozen. */
  async crash(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Makes a standby the primary; resolves when it takes writes. */
  async promote(): Promise<void> {
    await withClient(this.socketUrl, (client) => client.query('SELECT pg_catalog.pg_promote()'));
  }

  async close(): Promise<void> {
    await this.stop('immediate');
    await rm(this.options.folder, { recursive: true, force: true, maxRetries: 10 });
    this.#folderWill.revoke();
  }
}
