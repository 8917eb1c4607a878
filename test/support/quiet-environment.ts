import type { Circus } from '@jest/types';
import { TestEnvironment } from 'jest-environment-node';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Writable } from 'node:stream';

const { run, enterWith } = AsyncLocalStorage.prototype;

/**
 * Where tests run: what they print, the log of Nest above all, is shown when they fail and dropped when they
 * pass. `TEST_OUTPUT=all` shows everything at once. The console is left to Jest. Jest loads this file as
 * CommonJS, where an import of another TypeScript file does not resolve.
 */
export default class QuietEnvironment extends TestEnvironment {
  private readonly printed = { outsideTests: '', byTest: '' };
  private readonly storages = new Set<AsyncLocalStorage<unknown>>();
  private isInTest = false;
  private endedWell = false;

  override async setup(): Promise<void> {
    await super.setup();
    this.noteStorages();
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
    for (const storage of this.storages) storage.disable();
    Object.assign(AsyncLocalStorage.prototype, { run, enterWith });
    await super.teardown();
  }

  /**
   * Jest itself runs each test in a storage, one for each file. Node before 24 asks every storage in use at
   * every promise, so that all files of a worker would pay for those before them.
   */
  private noteStorages(): void {
    const { storages } = this;
    Object.assign(AsyncLocalStorage.prototype, {
      run(this: AsyncLocalStorage<unknown>, ...args: Parameters<typeof run>) {
        storages.add(this);
        return run.apply(this, args);
      },
      enterWith(this: AsyncLocalStorage<unknown>, store: unknown) {
        storages.add(this);
        enterWith.call(this, store);
      },
    });
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
