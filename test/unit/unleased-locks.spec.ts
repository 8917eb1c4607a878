import { expect, it } from '@jest/globals';
import { UnleasedLocks } from '../../lib/lease/unleased-locks.js';

it('a lock that waits for the end of a lease is not taken again before that', async () => {
  const calls: string[] = [];
  let looks = 0;
  const locks = new UnleasedLocks(() => {
    looks += 1;
    calls.push(looks <= 4 ? 'leased' : 'free');
    return Promise.resolve(looks <= 4);
  }, new AbortController().signal);
  const taken = await locks.takeUnleased(
    'doc',
    { mode: 'exclusive', waitMs: 30_000 },
    {
      take: () => {
        calls.push('take');
        return Promise.resolve('taken');
      },
      giveBack: () => {
        calls.push('give back');
        return Promise.resolve();
      },
    },
  );
  expect(taken).toBe('taken');
  expect(calls).toEqual([
    'take',
    'leased',
    'give back',
    'leased',
    'leased',
    'leased',
    'free',
    'take',
    'free',
  ]);
});
