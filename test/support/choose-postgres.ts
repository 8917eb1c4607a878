import { PostgreSqlContainer } from '@testcontainers/postgresql';
import { getContainerRuntimeClient } from 'testcontainers';
import { startEmbeddedPostgres } from '../../sample-app/postgres/embedded-postgres.js';
import { within } from './within.js';

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
    await within(ENGINE_TIMEOUT_MS, getContainerRuntimeClient(), () => 'the engine responds');
  } catch {
    return embedded('no Docker engine responds');
  }
  const starting = container();
  try {
    return await within(CONTAINER_TIMEOUT_MS, starting, () => 'the container is up');
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

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '';
}
