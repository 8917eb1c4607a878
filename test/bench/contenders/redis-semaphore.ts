import type { OpenContender } from '../contender.js';
import { openRedis, requireRival } from '../rivals.js';

interface RedisSemaphorePackage {
  Mutex: new (client: object, name: string) => { tryAcquire(): Promise<boolean>; release(): Promise<void> };
}

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
    close: () => redis.quit(),
  });
};
