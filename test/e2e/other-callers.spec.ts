import { expect, it } from '@jest/globals';
import { describeWith } from '../faults/support/describe-with.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { startRedis } from './support/brokers.js';

const database = useTestDatabase();

describeWith('redis', 'what calls decorated methods of a standalone application', () => {
  it('runs them under their lock: CQRS, BullMQ, nest-commander and @nestjs/event-emitter', async () => {
    const { host, port } = await startRedis();
    const worker = startWorker(new URL('./workers/other-callers.ts', import.meta.url), {
      args: ['import'],
      env: { TEST_URL: database.url, TEST_REDIS: `${host}:${port}` },
    });
    expect(await worker.message(() => true)).toEqual({
      ran: {
        cli: true,
        command: true,
        query: true,
        event: true,
        listener: true,
        'job:a': true,
        'job:b': true,
      },
      results: ['command', 'query'],
      refused: 'LOCK_UNAVAILABLE',
      // BullMQ tries the job again, by its own option `attempts`.
      failure: 'LOCK_UNAVAILABLE',
    });
    expect(await worker.exited).toMatchObject({ code: 0 });
    expect(worker.output).toBe('');
  });
});
