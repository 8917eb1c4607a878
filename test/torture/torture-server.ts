import { once } from 'node:events';
import pg from 'pg';
import { ADVISORY_LEASE_SQL, ADVISORY_ONCE_SQL } from '../../lib/index.js';
import { startPrimary } from '../faults/support/postgres-cluster.js';
import type { PostgresNode } from '../faults/support/postgres-node.js';
import { withClient } from '../support/admin.js';
import { until } from '../support/until.js';

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

  /** Kills a backend with -9: the server ends all others too, and starts over. Resolves when it is back. */
  async crashBackend(pid: number): Promise<void> {
    const witness = new pg.Client({ connectionString: this.url });
    witness.on('error', () => undefined);
    await witness.connect();
    const ended = once(witness, 'end');
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // It has ended in the meantime.
      await witness.end();
      throw error;
    }
    await ended;
    await until(() => this.responds(), 'the server is back', 30_000);
  }

  /** Kills the postmaster with -9, and starts another. */
  async crash(): Promise<void> {
    await this.node.crash();
    await this.node.start();
  }

  close(): Promise<void> {
    return this.node.close();
  }

  private responds(): Promise<boolean> {
    return withClient(this.url, (client) => client.query('SELECT 1')).then(
      () => true,
      () => false,
    );
  }
}
