import type { OpenContender } from '../contender.js';
import { openRedis, requireRival } from '../rivals.js';
import { RETRY_MS } from './retrying.js';

interface RedisSemaphorePackage {
  Mutex: new (
    client: object,
    name: string,
    options?: { acquireTimeout: number; retryInterval: number },
  ) => { acquire(): Promise<void>; tryAcquire(): Promise<boolean>; release(): Promise<void> };
}

const waiting = { acquireTimeout: Infinity, retryInterval: RETRY_MS };

export const open: OpenContender = (url) => {
  const { Mutex } = requireRival<RedisSemaphorePackage>('redis-semaphore');
  const redis = openRedis(url);
  return Promise.resolve({
    async withLock(name, body) {
      const mutex = new Mutex(redis, name);
      if (!(await mutex.tryAcquire())) throw new Error(`${name} is busy`);
      await body();
      await mutex.release();
    },
    async waitWithLock(name, body) {
      const mutex = new Mutex(redis, name, waiting);
      await mutex.acquire();
      await body();
      await mutex.release();
    },
    close: () => redis.quit(),
  });
};
