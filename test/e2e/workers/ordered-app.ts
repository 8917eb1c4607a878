import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EventEmitter, once } from 'node:events';
import {
  AdvisoryLockModule,
  type AdvisoryLockModuleOptions,
  AdvisoryLockService,
  ExclusiveCron,
} from '../../../lib/index.js';

/** What the test wants done; the outcome is reported. */
export interface Order {
  readonly do: 'hold' | 'hold until lost' | 'let go' | 'wait' | 'try' | 'close';
  readonly name?: string;
  /** How often `close` is called, at the same time. */
  readonly times?: number;
}

export interface Report {
  readonly type: 'ready' | 'holding' | 'lost' | 'released' | 'refused' | 'tick' | 'tick is over' | 'closed';
  readonly name?: string;
  readonly code?: string;
}

const report = (message: Report): void => {
  process.send?.(message);
};
const lettingGo = new EventEmitter();
const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error);

@Injectable()
class Jobs {
  @ExclusiveCron('* * * * * *')
  async tick(): Promise<void> {
    report({ type: 'tick' });
    await once(lettingGo, 'tick');
    report({ type: 'tick is over' });
  }
}

const options = JSON.parse(process.env['TEST_LOCK_OPTIONS'] ?? '{}') as AdvisoryLockModuleOptions;

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: process.env['TEST_URL'] ?? '', poolSize: 2 }),
    AdvisoryLockModule.forRoot(options),
    ...(process.env['TEST_CRON'] === undefined ? [] : [ScheduleModule.forRoot()]),
  ],
  providers: process.env['TEST_CRON'] === undefined ? [] : [Jobs],
})
class OrderedModule {}

const app = await NestFactory.createApplicationContext(OrderedModule, { logger: ['error'] });
app.enableShutdownHooks();
const locks = app.get(AdvisoryLockService);

async function hold(name: string, isStubborn: boolean): Promise<void> {
  try {
    await locks.withLock(name, async (lock) => {
      report({ type: 'holding', name });
      const lost = once(lock.signal, 'abort');
      await (isStubborn ? lost : Promise.race([lost, once(lettingGo, name)]));
    });
    report({ type: 'released', name });
  } catch (error) {
    report({ type: 'lost', name, code: codeOf(error) });
  }
}

async function attempt(name: string, attempted: Promise<unknown>): Promise<void> {
  try {
    await attempted;
    report({ type: 'holding', name });
  } catch (error) {
    report({ type: 'refused', name, code: codeOf(error) });
  }
}

async function close(times: number): Promise<void> {
  await Promise.all(Array.from({ length: times }, () => app.close()));
  // As a health check might, which does not know of the shutdown.
  await locks.diagnose();
  await attempt('afterwards', locks.isLocked('afterwards'));
  report({ type: 'closed' });
  // From here on nothing but what was left behind keeps the process.
  process.channel?.unref();
}

process.on('message', (order: Order) => {
  const { name = '', times = 1 } = order;
  if (order.do === 'hold') void hold(name, false);
  else if (order.do === 'hold until lost') void hold(name, true);
  else if (order.do === 'let go') lettingGo.emit(name);
  else if (order.do === 'wait') void attempt(name, locks.acquire(name, { waitMs: Infinity }));
  else if (order.do === 'try') void attempt(name, locks.acquire(name));
  else void close(times);
});
report({ type: 'ready' });
