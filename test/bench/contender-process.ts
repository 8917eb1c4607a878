import { once } from 'node:events';
import type { OpenContender, ServerKind } from './contender.js';
import { type Load, lockDistinctKeys } from './distinct-keys.js';
import { openLockCounter } from './lock-counter.js';

/*
 * One contender in a process of its own: what one library does to its process (an AsyncLocalStorage makes every
 * promise dearer on Node 20, another Nest, garbage) must not slow the next one down.
 */
export type Answer = { locksPerSecond: number } | { error: string };

const [file, server, url] = process.argv.slice(2) as [string, ServerKind, string];
const { open } = (await import(`./contenders/${file}.js`)) as { open: OpenContender };
const contender = await open(url);
const locks = await openLockCounter(server, url);

async function expectLocks(expected: number, when: string): Promise<void> {
  const found = await locks.count();
  if (found !== expected) throw new Error(`${file}: ${found} locks on the server ${when}`);
}

async function measure(load: Load): Promise<Answer> {
  await contender.withLock('proof', () => expectLocks(1, 'while one was held'));
  const locksPerSecond = await lockDistinctKeys(contender, load);
  await expectLocks(0, 'after all were released');
  return { locksPerSecond };
}

process.on('message', (load: Load) => {
  void measure(load)
    .catch((error: unknown): Answer => ({ error: String(error) }))
    .then((answer) => process.send?.(answer));
});
process.send?.('ready');

await once(process, 'disconnect');
await locks.close();
await contender.close();
