import type { OpenContender } from '../contender.js';
import { requireRival } from '../rivals.js';

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
  const options = { redisOptions: { url }, wait: 1, maxAttempts: 1, logLevel: 'error' };
  const app = await NestFactory.createApplicationContext(MurLockModule.forRoot(options), {
    logger: ['error'],
    abortOnError: false,
  });
  const locks = app.get(MurLockService);
  return {
    withLock: (name, body) => locks.runWithLock(name, TTL_MS, body),
    close: () => app.close(),
  };
};
