import { setTimeout as delay } from 'node:timers/promises';
import { PostgreSqlContainer } from '@testcontainers/postgresql';
import { getContainerRuntimeClient } from 'testcontainers';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';

export interface TestPostgres {
  adminUrl: string;
  description: string;
  /** Missing for a server that is not ours. */
  stop?: () => Promise<void>;
}

const IMAGE = 'postgres:17-alpine';
const ENGINE_TIMEOUT_MS = 3_000;
const CONTAINER_TIMEOUT_MS = 120_000;

/** `TEST_DATABASE_URL`, else a container when a Docker engine responds, else an embedded server. */
export async function choosePostgres(): Promise<TestPostgres> {
  const adminUrl = process.env.TEST_DATABASE_URL;
  if (adminUrl) return { adminUrl, description: 'TEST_DATABASE_URL' };
  try {
    await within(ENGINE_TIMEOUT_MS, getContainerRuntimeClient());
  } catch {
    return embedded('no Docker engine responds');
  }
  const starting = container();
  try {
    return await within(CONTAINER_TIMEOUT_MS, starting);
  } catch (error) {
    starting.then((late) => late.stop?.()).catch(() => undefined);
    return embedded(`${IMAGE} did not start: ${firstLine(error)}`);
  }
}

async function container(): Promise<TestPostgres> {
  const started = await new PostgreSqlContainer(IMAGE).start();
  return {
    adminUrl: started.getConnectionUri(),
    description: `container of ${IMAGE}`,
    async stop() {
      await started.stop();
    },
  };
}

async function embedded(reason: string): Promise<TestPostgres> {
  const { url, stop } = await startEmbeddedPostgres();
  return { adminUrl: url, description: `embedded (${reason})`, stop };
}

function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  const timeout = delay(timeoutMs, undefined, { ref: false }).then(() => {
    throw new Error(`no response within ${String(timeoutMs / 1000)} s`);
  });
  return Promise.race([promise, timeout]);
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '';
}
