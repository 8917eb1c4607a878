import { expect, it } from '@jest/globals';
import { AsyncLocalStorage } from 'node:async_hooks';
import QuietEnvironment from '../support/quiet-environment.js';

type Arguments = ConstructorParameters<typeof QuietEnvironment>;

/** The environment of another file. */
async function startEnvironment(): Promise<QuietEnvironment> {
  const config = { globalConfig: {}, projectConfig: { testEnvironmentOptions: {} } } as unknown;
  const context = { console, docblockPragmas: {}, testPath: '' };
  const environment = new QuietEnvironment(config as Arguments[0], context);
  await environment.setup();
  return environment;
}

it('what a file keeps in a storage is gone after the file', async () => {
  const environment = await startEnvironment();
  const entered = new AsyncLocalStorage<string>();
  const ran = new AsyncLocalStorage<string>();
  await ran.run('run', async () => {
    entered.enterWith('entered');
    expect([ran.getStore(), entered.getStore()]).toEqual(['run', 'entered']);
    await environment.teardown();
    expect([ran.getStore(), entered.getStore()]).toEqual([undefined, undefined]);
  });
});

it('a storage of other files is left alone', async () => {
  const storage = new AsyncLocalStorage<string>();
  await storage.run('run', async () => {
    const environment = await startEnvironment();
    await environment.teardown();
    expect(storage.getStore()).toBe('run');
  });
});
