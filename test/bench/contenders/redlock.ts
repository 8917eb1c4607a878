import type { OpenContender } from '../contender.js';
import { openRedis, requireRival } from '../rivals.js';

interface RedlockPackage {
  default: new (
    clients: object[],
    settings: { retryCount: number },
  ) => { acquire(names: string[], ttlMs: number): Promise<{ release(): Promise<unknown> }> };
}

const TTL_MS = 10_000;

export const open: OpenContender = (url) => {
  const { default: Redlock } = requireRival<RedlockPackage>('redlock');
  const redis = openRedis(url);
  const redlock = new Redlock([redis], { retryCount: 0 });
  return Promise.resolve({
    async withLock(name, body) {
      const lock = await redlock.acquire([name], TTL_MS);
      await body();
      await lock.release();
    },
    close: () => redis.quit(),
  });
};
