import type { OpenContender } from '../contender.js';
import { requireRival } from '../rivals.js';

interface AdvisoryLockPackage {
  default(url: string): (name: string) => { tryLock(): Promise<(() => Promise<void>) | undefined> };
}

export const open: OpenContender = (url) => {
  const createMutex = requireRival<AdvisoryLockPackage>('advisory-lock').default(url);
  return Promise.resolve({
    async withLock(name, body) {
      const unlock = await createMutex(name).tryLock();
      if (unlock === undefined) throw new Error(`${name} is busy`);
      await body();
      await unlock();
    },
    close: () => Promise.resolve(),
  });
};
