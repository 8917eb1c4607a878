import type { OpenContender } from '../contender.js';
import { requireRival } from '../rivals.js';
import { RETRY_MS } from './retrying.js';

interface MurLockService {
  runWithLock(name: string, ttlMs: number, body: () => Promise<void>): Promise<void>;
}
interface MurLockPackage {
  MurLockModule: { forRoot(options: object): object };
  MurLockService: new () => MurLockService;
}
interface Nest11 {
  NestFactory: {
    createApplicationContext(
      module: object,
      options: object,
    ): Promise<{ get(token: new () => MurLockService): MurLockService; close(): Promise<void> }>;
  };
}

const TTL_MS = 10_000;

export const open: OpenContender = async (url) => {
  const { NestFactory } = requireRival<Nest11>('@nestjs/core');
  const { MurLockModule, MurLockService } = requireRival<MurLockPackage>('murlock');
  // Blocking is a setting of the module: a lock that is free is taken by the same first try either way.
  const options = {
    redisOptions: { url },
    wait: RETRY_MS,
    maxAttempts: 1,
    blocking: true,
    logLevel: 'error',
  };
  const app = await NestFactory.createApplicationContext(MurLockModule.forRoot(options), {
    logger: ['error'],
    abortOnError: false,
  });
  const locks = app.get(MurLockService);
  const withLock = (name: string, body: () => Promise<void>) => locks.runWithLock(name, TTL_MS, body);
  return {
    withLock,
    waitWithLock: withLock,
    close: () => app.close(),
  };
};
