import { beforeAll, describe, expect, it } from '@jest/globals';
import { createLocks } from '../support/locks.js';
import { startWorker } from '../support/processes.js';

describe('a server that gives one session to all of its clients, the socket server of PGlite', () => {
  let urls: readonly string[];
  beforeAll(async () => {
    const owner = startWorker(new URL('./workers/pglite-owner.ts', import.meta.url));
    ({ urls } = await owner.message<{ urls: string[] }>((message) => 'urls' in message));
  });

  it.each([
    ['several clients', 0, {}],
    ['several clients, whatever the option `pooler` says', 0, { pooler: 'transaction' }],
    ['a single client', 1, {}],
  ] as const)('is refused by what it is when it takes %s', async (_, index, options) => {
    const { service } = createLocks(urls[index] ?? '', { ...options, lostAfterMs: 3_000, heartbeatMs: 500 });
    const message = expect.stringMatching(
      /"PostgreSQL .*PGlite.*" gives one session to all of its clients/,
    ) as unknown;
    await expect(service.acquire('import')).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION', message });
    expect(await service.diagnose()).toMatchObject({
      isHealthy: false,
      problems: [{ code: 'NO_EXCLUSION', message }],
      connections: { open: 0 },
    });
  });
});
