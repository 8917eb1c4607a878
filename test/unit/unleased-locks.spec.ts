import { afterEach, expect, it, jest } from '@jest/globals';
import { LockShutdownError, type TakeLock } from '../../lib/core/index.js';
import { UnleasedLocks } from '../../lib/lease/unleased-locks.js';

/** A lock that is free, and notes what is done with it. */
const noting = (calls: string[]): TakeLock<string> => ({
  take: () => {
    calls.push('take');
    return Promise.resolve('taken');
  },
  giveBack: () => {
    calls.push('give back');
    return Promise.resolve();
  },
});

it('a lock that waits for the end of a lease is not taken again before that', async () => {
  const calls: string[] = [];
  let looks = 0;
  const locks = new UnleasedLocks(() => {
    looks += 1;
    calls.push(looks <= 4 ? 'leased' : 'free');
    return Promise.resolve(looks <= 4);
  }, new AbortController().signal);
  const taken = await locks.takeUnleased('doc', { mode: 'exclusive', waitMs: 30_000 }, noting(calls));
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

afterEach(() => {
  jest.useRealTimers();
});

it.each([
  ['the time is over', { waitMs: 20 }, undefined],
  ['its signal aborts', { signal: AbortSignal.abort(new Error('enough')) }, 'enough'],
  ['the application shuts down', {}, LockShutdownError],
])('a wait ends when %s, though the lease cannot be looked for', async (_, options, reason) => {
  if (reason === undefined) jest.useFakeTimers();
  const closing = new AbortController();
  const locks = new UnleasedLocks(
    // As while all connections of a pool are in use.
    () => new Promise(() => undefined),
    closing.signal,
  );
  const calls: string[] = [];
  const waiting = locks.takeUnleased(
    'doc',
    { mode: 'exclusive', waitMs: Infinity, ...options },
    noting(calls),
  );
  if (reason === undefined) {
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await waiting).toBeUndefined();
  } else {
    if (reason === LockShutdownError)
      setImmediate(() => {
        closing.abort();
      });
    await expect(waiting).rejects.toThrow(reason);
  }
  expect(calls).toEqual(['take', 'give back']);
});
