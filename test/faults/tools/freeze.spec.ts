import { describe, expect, it } from '@jest/globals';
import { startWorker } from '../../support/processes.js';
import { closeAfterTest } from '../support/close-after-test.js';
import { freeze } from '../support/freeze.js';

describe('a frozen process', () => {
  const start = async () => {
    const worker = startWorker(new URL('./workers/echo.ts', import.meta.url));
    await worker.message(() => true);
    return worker;
  };

  it('does not reply until it thaws, and has lost nothing then', async () => {
    const worker = await start();
    const other = await start();
    const frozen = await closeAfterTest(freeze(worker.pid));
    worker.send({ question: 1 });
    for (let question = 1; question <= 10; question++) {
      other.send({ question });
      await other.message<{ question: number }>((reply) => reply.question === question);
    }
    await expect(worker.message(() => true, 1)).rejects.toThrow('none received');
    frozen.thaw();
    expect(await worker.message(() => true)).toEqual({ question: 1 });
  });

  it('may be killed while it is frozen', async () => {
    const worker = await start();
    const frozen = await closeAfterTest(freeze(worker.pid));
    worker.kill('SIGKILL');
    expect(await worker.exited).toMatchObject({ signal: 'SIGKILL' });
    frozen.thaw();
  });
});
