import { expect } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

/** Expects it of the page in a while: what it shows follows what the server says. */
export async function eventually<T>(read: () => Promise<T>, expected: T, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let seen = await read();
  while (!isDeepStrictEqual(seen, expected) && performance.now() < deadline) {
    await delay(25);
    seen = await read();
  }
  expect(seen).toEqual(expected);
}
