import { ADVISORY_LEASE_SQL, ADVISORY_ONCE_SQL } from '../../lib/index.js';
import { startPrimary } from '../faults/support/postgres-cluster.js';
import type { PostgresNode } from '../faults/support/postgres-node.js';
import { withClient } from '../support/admin.js';
import { isRunning } from '../support/is-running.js';
import { until } from '../support/until.js';

/** A server that takes longer to start over hangs, even on a busy machine. */
const HANGS_AFTER_MS = 60_000;
/** Within which a postmaster reads that a backend was killed, on a busy machine. */
const NOTICED_MS = 5_000;

/** The Postgres of a run, with a role for each group of workers that may lose a session together. */
export class TortureServer {
  private constructor(readonly node: PostgresNode) {}

  static async start(roles: readonly string[]): Promise<TortureServer> {
    const server = new TortureServer(await startPrimary({ flags: ['-c', 'max_connections=200'] }));
    try {
      const { password } = server.node.options;
      await withClient(server.url, async (client) => {
        for (const role of roles) await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
        for (const sql of [ADVISORY_LEASE_SQL, ADVISORY_ONCE_SQL]) await client.query(sql);
        await client.query('GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC');
      });
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  get url(): string {
    return this.node.url;
  }

  urlOf(role: string): string {
    const url = new URL(this.url);
    url.username = role;
    return url.href;
  }

  /**
   * Kills a backend with -9: the server ends all others too, and starts over. Resolves when it is back, to
   * whether that happened: a backend that is ending by itself can be dead before it is killed.
   *
   * To wait is necessary. A Postgres 18.4 that is told to stop while it recovers from this never does: its
   * checkpointer and its I/O workers are left, and it goes on to refuse connections.
   */
  async crashBackend(pid: number, onSessionsOver: () => void): Promise<boolean> {
    const since = this.node.log.length;
    const logged = (line: string) => (): boolean => this.node.log.includes(line, since);
    const untilLogged = (line: string): Promise<void> =>
      until(logged(line), line, HANGS_AFTER_MS).catch((error: unknown) => {
        throw new Error(`${String(error)}; after the crash it has logged:\n${this.node.log.slice(since)}`);
      });
    if (!isRunning(pid)) return false;
    try {
      process.kill(pid, 'SIGKILL');
      await until(logged('terminating any other active server processes'), 'the server noticed', NOTICED_MS);
    } catch {
      return false;
    }
    await untilLogged('all server processes terminated');
    onSessionsOver();
    await untilLogged('ready to accept connections');
    return true;
  }

  /** Kills the postmaster with -9, and starts another, which can start when no session is left. */
  async crash(onSessionsOver: () => void): Promise<void> {
    await this.node.crash();
    await this.node.start(onSessionsOver);
  }

  async restart(onSessionsOver: () => void): Promise<void> {
    await this.node.stop();
    onSessionsOver();
    await this.node.start();
  }

  close(): Promise<void> {
    return this.node.close();
  }
}
