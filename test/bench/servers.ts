import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { forkModule } from '../../sample-app/postgres/fork-module.js';
import { serverVersion } from '../support/admin.js';
import type { ContenderInfo, ServerKind } from './contender.js';

interface RunningServer {
  url: string;
  stop(): Promise<unknown>;
}

/**
 * Room for the contenders that have a connection for each of 4 × 25 waiters, and what leases are durable by,
 * which is off in the servers of tests.
 */
const SETTINGS = ['max_connections=400', 'fsync=on', 'synchronous_commit=on', 'full_page_writes=on'];
const POSTGRES_FLAGS = SETTINGS.flatMap((setting) => ['-c', setting]);

/**
 * The servers that the contenders need, as far as they are there: Redis is
 * where a `redis-server` is installed.
 */
export class Servers {
  private readonly running = new Map<ServerKind, RunningServer>();

  static async start({ wantsRedis = true } = {}): Promise<Servers> {
    const servers = new Servers();
    try {
      servers.running.set('postgres', await startPostgres());
      if (wantsRedis && redisVersion() !== undefined) servers.running.set('redis', await startRedis());
      return servers;
    } catch (error) {
      await servers.stop();
      throw error;
    }
  }

  url(kind: ServerKind): string {
    return this.running.get(kind)?.url ?? '';
  }

  /** The contenders whose server is running. */
  able(contenders: ContenderInfo[]): ContenderInfo[] {
    return contenders.filter(({ server }) => this.running.has(server));
  }

  async versions(): Promise<string> {
    const { version: pg } = createRequire(import.meta.url)('pg/package.json') as { version: string };
    const redis = this.running.has('redis') ? `Redis ${redisVersion() ?? ''}` : 'no Redis';
    const postgres = await serverVersion(this.url('postgres'));
    return `node ${process.version}, pg ${pg}, PostgreSQL ${postgres}, ${redis}`;
  }

  async stop(): Promise<void> {
    for (const server of this.running.values()) await server.stop();
  }
}

async function startPostgres(): Promise<RunningServer> {
  const url = process.env.TEST_DATABASE_URL;
  return url
    ? { url, stop: () => Promise.resolve() }
    : startEmbeddedPostgres({ postgresFlags: POSTGRES_FLAGS });
}

/** The version of the `redis-server` on the PATH, if there is one. */
function redisVersion(): string | undefined {
  const { stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' }) as {
    stdout: string | null;
  };
  return stdout?.match(/v=(\S+)/)?.[1];
}

async function startRedis(): Promise<RunningServer> {
  const owner = forkModule(fileURLToPath(new URL('./redis-process.ts', import.meta.url)));
  const exited = once(owner, 'exit');
  const ready = await Promise.race([once(owner, 'message'), exited.then(() => undefined)]);
  if (ready === undefined) throw new Error('redis-server did not start');
  return {
    url: (ready[0] as { url: string }).url,
    stop: () => {
      owner.disconnect();
      return exited;
    },
  };
}
