import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { forkModule } from '../../sample-app/postgres/fork-module.js';

export interface RunningServer {
  url: string;
  stop(): Promise<unknown>;
}

export async function startPostgres(): Promise<RunningServer> {
  const url = process.env.TEST_DATABASE_URL;
  return url ? { url, stop: () => Promise.resolve() } : startEmbeddedPostgres();
}

/** The version of the `redis-server` on the PATH, if there is one. */
export function redisVersion(): string | undefined {
  const { stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' }) as {
    stdout: string | null;
  };
  return stdout?.match(/v=(\S+)/)?.[1];
}

export async function startRedis(): Promise<RunningServer> {
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
