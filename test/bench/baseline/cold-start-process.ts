import { once } from 'node:events';
import { open } from '../contenders/nestjs-advisory-lock.js';

/** Sends how long it takes from the creation of the application until its first lock is held, in ms. */
const [, , url = ''] = process.argv;
// It may come as soon as the figure is sent.
const disconnected = once(process, 'disconnect');
const start = performance.now();
const contender = await open(url);
await contender.withLock('first', () => {
  process.send?.(performance.now() - start);
  return Promise.resolve();
});
await disconnected;
await contender.close();
