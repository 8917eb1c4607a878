import type { Circus } from '@jest/types';
import { TestEnvironment } from 'jest-environment-node';
import { Writable } from 'node:stream';

/**
 * Where tests run: what they print, the log of Nest above all, is shown when they fail and dropped when they
 * pass. `TEST_OUTPUT=all` shows everything at once. The console is left to Jest. Jest loads this file as
 * CommonJS, where an import of another TypeScript file does not resolve.
 */
export default class QuietEnvironment extends TestEnvironment {
  private readonly printed = { outsideTests: '', byTest: '' };
  private isInTest = false;
  private endedWell = false;

  override async setup(): Promise<void> {
    await super.setup();
    if (process.env.TEST_OUTPUT === 'all') return;
    for (const name of ['stdout', 'stderr'] as const) {
      const write = (chunk: Buffer, _encoding: BufferEncoding, done: () => void): void => {
        this.printed[this.isInTest ? 'byTest' : 'outsideTests'] += chunk.toString();
        done();
      };
      Object.defineProperty(this.global.process, name, { value: new Writable({ write }) });
    }
  }

  handleTestEvent(event: Circus.Event, state: Circus.State): void {
    if (event.name === 'test_start') {
      this.isInTest = true;
      this.printed.byTest = '';
    } else if (event.name === 'test_done') {
      this.isInTest = false;
      if (event.test.errors.length > 0) this.show(`by the failing test "${titleOf(event.test)}"`);
    } else if (event.name === 'run_finish') {
      this.endedWell = state.unhandledErrors.length === 0;
    }
  }

  override async teardown(): Promise<void> {
    this.printed.byTest = '';
    if (!this.endedWell) this.show('outside tests');
    await super.teardown();
  }

  private show(where: string): void {
    const text = this.printed.outsideTests + this.printed.byTest;
    this.printed.outsideTests = '';
    if (text !== '') process.stderr.write(`Printed ${where}:\n${text}\n`);
  }
}

function titleOf(test: Circus.TestEntry): string {
  const titles = [test.name];
  for (let block = test.parent; block.parent !== undefined; block = block.parent) titles.unshift(block.name);
  return titles.join(' › ');
}
