import 'reflect-metadata';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  AdvisoryLockModule,
  type AdvisoryLock,
  type AdvisoryLockModuleOptions,
  AdvisoryLockService,
  type LockLostError,
} from '../../../lib/index.js';
import { blockEventLoop } from '../../support/block-event-loop.js';

/** What the process must do, one thing at a time. */
export type Order =
  | { readonly acquire: string; readonly waitMs?: number | 'forever'; readonly blockWhenLostMs?: number }
  | { readonly blockMs: number; readonly whileAsking?: string }
  | { readonly look: string }
  | { readonly fence: string }
  | { readonly release: string };

/** Of a lock that was lost. */
export interface LossReport {
  readonly lost: string;
  readonly code: string;
  readonly message: string;
  /** When all listeners in the process had been notified, by the clock of the machine. */
  readonly at: number;
}

const [url = '', options = '{}'] = process.argv.slice(2);

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url, poolSize: 1 }),
    AdvisoryLockModule.forRoot(JSON.parse(options) as AdvisoryLockModuleOptions),
  ],
})
class HolderModule {}

const app = await NestFactory.createApplicationContext(HolderModule, { logger: ['error', 'fatal'] });
const locks = app.get(AdvisoryLockService);
const held = new Map<string, AdvisoryLock>();

process.on('message', (order: Order) => {
  obey(order).then(
    (result) => process.send?.({ result }),
    (error: unknown) =>
      process.send?.({ result: { code: (error as { code?: string }).code ?? String(error) } }),
  );
});
process.send?.({ ready: true });

async function obey(order: Order): Promise<object> {
  if ('acquire' in order) return acquire(order.acquire, order.waitMs, order.blockWhenLostMs);
  if ('blockMs' in order) return blockFor(order.blockMs, order.whileAsking);
  if ('look' in order) return look(order.look);
  if ('fence' in order) return { token: String(await lockOf(order.fence).fencingToken()) };
  await lockOf(order.release).release();
  return look(order.release);
}

async function acquire(name: string, waitMs: number | 'forever' = 0, blockWhenLostMs = 0): Promise<object> {
  const lock = await locks.acquire(name, { waitMs: waitMs === 'forever' ? Infinity : waitMs });
  held.set(name, lock);
  lock.signal.addEventListener('abort', () => {
    blockEventLoop(blockWhenLostMs);
    const { code, message } = lock.signal.reason as LockLostError;
    process.send?.({ lost: name, code, message, at: Date.now() } satisfies LossReport);
  });
  return { isHeld: lock.isHeld };
}

async function blockFor(ms: number, whileAsking: string | undefined): Promise<object> {
  const asked = whileAsking === undefined ? undefined : locks.isLocked(whileAsking);
  // The question is written by the end of this turn, and its result can only be read after the block.
  await endOfTurn();
  blockEventLoop(ms);
  return { isLocked: await asked };
}

function look(name: string): object {
  const lock = lockOf(name);
  return { isHeld: lock.isHeld, isAborted: lock.signal.aborted };
}

function lockOf(name: string): AdvisoryLock {
  const lock = held.get(name);
  if (lock === undefined) throw new Error(`"${name}" was never taken`);
  return lock;
}
