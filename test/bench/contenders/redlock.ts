import type { OpenContender } from '../contender.js';
import { openRedis, requireRival } from '../rivals.js';
import { RETRY_MS } from './retrying.js';

interface Settings {
  retryCount: number;
  retryDelay?: number;
  retryJitter?: number;
}

interface RedlockPackage {
  default: new (
    clients: object[],
    settings: Settings,
  ) => {
    acquire(names: string[], ttlMs: number, settings?: Settings): Promise<{ release(): Promise<unknown> }>;
  };
}

const TTL_MS = 10_000;
// The jitter is half of the delay, as by default; -1 means without a limit.
const waiting = { retryCount: -1, retryDelay: RETRY_MS, retryJitter: RETRY_MS / 2 };

export const open: OpenContender = (url) => {
  const { default: Redlock } = requireRival<RedlockPackage>('redlock');
  const redis = openRedis(url);
  const redlock = new Redlock([redis], { retryCount: 0 });
  const locked = async (name: string, body: () => Promise<void>, settings?: Settings): Promise<void> => {
    const lock = await redlock.acquire([name], TTL_MS, settings);
    await body();
    await lock.release();
  };
  return Promise.resolve({
    withLock: (name, body) => locked(name, body),
    waitWithLock: (name, body) => locked(name, body, waiting),
    close: () => redis.quit(),
  });
};
