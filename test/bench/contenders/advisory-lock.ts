import { connectionName } from '../connection-counter.js';
import type { OpenContender } from '../contender.js';
import { requireRival } from '../rivals.js';

interface AdvisoryLockPackage {
  default(url: string): (name: string) => {
    tryLock(): Promise<(() => Promise<void>) | undefined>;
    withLock(body: () => Promise<void>): Promise<void>;
  };
}

export const open: OpenContender = (serverUrl) => {
  const url = new URL(serverUrl);
  url.searchParams.set('application_name', connectionName('advisory-lock'));
  const createMutex = requireRival<AdvisoryLockPackage>('advisory-lock').default(url.href);
  return Promise.resolve({
    async withLock(name, body) {
      const unlock = await createMutex(name).tryLock();
      if (unlock === undefined) throw new Error(`${name} is busy`);
      await body();
      await unlock();
    },
    waitWithLock: (name, body) => createMutex(name).withLock(body),
    close: () => Promise.resolve(),
  });
};
