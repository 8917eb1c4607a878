import { describe, expect, it } from '@jest/globals';
import { isRunning } from '../support/is-running.js';
import { startWorker } from '../support/processes.js';
import { until } from '../support/until.js';

interface EchoMessage {
  isUp?: true;
  echo?: { number: number };
  argument?: string;
  variable?: string;
}

const echoModule = new URL('./workers/echo.ts', import.meta.url);
const isUp = (message: EchoMessage) => message.isUp === true;
const echoes = (number: number) => (message: EchoMessage) => message.echo?.number === number;

describe('a worker process', () => {
  it('gets arguments, environment and messages, and replies', async () => {
    const worker = startWorker(echoModule, { args: ['first'], env: { ECHO_VARIABLE: 'second' } });
    await worker.message(isUp);
    worker.send({ number: 1 });
    worker.send({ number: 2 });
    const expected = { argument: 'first', variable: 'second' };
    expect(await worker.message(echoes(2))).toEqual({ ...expected, echo: { number: 2 } });
    expect(await worker.message(echoes(1))).toEqual({ ...expected, echo: { number: 1 } });
  });

  it('reports what it printed and sent when the awaited message is missing', async () => {
    const worker = startWorker(echoModule);
    await worker.message(isUp);
    worker.send({ number: 3 });
    worker.send({ number: 4 });
    await worker.message(echoes(4));
    await until(() => worker.output.includes('echo is up'), 'the worker prints');
    const missing = worker.message(echoes(5), 1);
    await expect(missing).rejects.toThrow(/none received within 1 ms.*"number":3.*echo is up/s);
  });

  it('shows places of its source in stack traces', async () => {
    const worker = startWorker(new URL('./workers/throws.ts', import.meta.url));
    const { stack } = await worker.message<{ stack: string }>(() => true);
    expect(stack).toMatch(/^Error: one line\nand another\n {4}at fail \(\S+throws\.ts:7:\d+\)\n/);
  });

  it('fails the wait for a message when it ends', async () => {
    const worker = startWorker(echoModule);
    await worker.message(isUp);
    worker.kill('SIGTERM');
    await expect(worker.message(isUp)).rejects.toThrow('the worker has ended');
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('is gone when the process that started it is killed', async () => {
    const parent = startWorker(new URL('./workers/parent-of-echo.ts', import.meta.url));
    const { childPid } = await parent.message<{ childPid: number }>(() => true);
    expect(isRunning(childPid)).toBe(true);
    parent.kill('SIGKILL');
    await until(() => !isRunning(childPid), 'the worker is gone');
  });

  describe('that was started in a test', () => {
    let pid = 0;

    it('runs until the end of the test', async () => {
      const worker = startWorker(echoModule);
      await worker.message(isUp);
      pid = worker.pid;
      expect(isRunning(pid)).toBe(true);
    });

    it('is gone in the next one', () => {
      expect(isRunning(pid)).toBe(false);
    });
  });
});
