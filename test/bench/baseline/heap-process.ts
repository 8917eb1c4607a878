import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { open } from '../contenders/nestjs-advisory-lock.js';

/** Code that has run and tables that have grown do not count as memory of a lock. */
const WARM_UP = 1_000;

/** Sends how many bytes of heap a held lock takes. */
const [, , url = '', held = ''] = process.argv;
const { hold, close } = await open(url);
if (hold === undefined) throw new Error('it has no locks to hold');

const holdAll = (count: number) => Promise.all(Array.from({ length: count }, (_, n) => hold(`order:${n}`)));
const releaseAll = (locks: Awaited<ReturnType<typeof holdAll>>) =>
  Promise.all(locks.map((lock) => lock.release()));

async function heapUsed(): Promise<number> {
  // What the last batch of requests left behind.
  await setImmediate();
  await globalThis.gc?.({ execution: 'async', type: 'major' });
  return process.memoryUsage().heapUsed;
}

await releaseAll(await holdAll(WARM_UP));
const before = await heapUsed();
const locks = await holdAll(Number(held));
process.send?.(((await heapUsed()) - before) / locks.length);

await once(process, 'disconnect');
await releaseAll(locks);
await close();
