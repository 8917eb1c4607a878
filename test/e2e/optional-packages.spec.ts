import { expect, it } from '@jest/globals';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';

const database = useTestDatabase();
const module = new URL('./workers/without-optional-packages.ts', import.meta.url);

it('without the optional packages nothing listens or logs, unless telemetry is required', async () => {
  const worker = startWorker(module, { env: { TEST_URL: database.url } });
  expect(await worker.message(() => true)).toMatchObject({
    isImported: [false, false, false],
    byDefault: { result: 42, hasListeners: false },
    insisting: {
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('npm install @opentelemetry/api'),
    },
  });
  await worker.exited;
  expect(worker.output).toBe('');
});

it('optional packages that the application does not use are not loaded', async () => {
  const env = { TEST_URL: database.url, IMPORT_FAILURE: 'ERR_IS_IMPORTED' };
  const worker = startWorker(module, { env });
  expect(await worker.message(() => true)).toMatchObject({
    byDefault: { result: 42, hasListeners: false },
    insisting: { code: 'ERR_IS_IMPORTED' },
  });
  await worker.exited;
});
