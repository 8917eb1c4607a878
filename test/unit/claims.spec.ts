import { expect, it } from '@jest/globals';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { Claims, LockKey } from '../../lib/core/index.js';

const HOUR_MS = 3_600_000;

it('are not waited for when their session has ended', async () => {
  const session = { end: undefined as Error | undefined, tryLock: () => Promise.resolve(true) };
  const claims = new Claims(() => Promise.resolve(session as never));
  const waits = (): Promise<string> =>
    Promise.race([claims.age(HOUR_MS).then(() => 'over'), turnOfTheLoop('goes on')]);
  expect(await waits()).toBe('over');

  await claims.make(LockKey.of(7n), { keepMs: HOUR_MS, isRemembered: false });
  session.end = new Error('the connection was closed');
  expect(await waits()).toBe('over');
  claims.close();
});
