import { describe, expect, it } from '@jest/globals';
import { type ArgumentsHost, Catch, Controller, Get, Param } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AdvisoryLockModule,
  type AdvisoryLockModuleOptions,
  AdvisoryLockService,
  LockCapacityError,
  toHttpException,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { type Platform, postgres, serve } from './support/applications.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase();

/** No server listens there. */
const NOWHERE = { url: 'postgres://user:secret@127.0.0.1:1/none' };

@Controller()
class Orders {
  static gate: Gate | undefined;

  constructor(private readonly locks: AdvisoryLockService) {}

  @Get('pay/:id')
  @WithAdvisoryLock((id: string) => `order:${id}`)
  async pay(@Param('id') id: string): Promise<string> {
    if (id === 'slow') await Orders.gate?.pass();
    return id;
  }

  @Get('import')
  import(): Promise<void> {
    return this.locks.withLock('import', ({ signal }) => sleep(600_000, undefined, { signal }));
  }

  @Get('full')
  full(): Promise<string> {
    const cause = Object.assign(new Error('out of shared memory'), { code: '53200' });
    return Promise.reject(new LockCapacityError('secret:1', cause));
  }
}

@Catch()
class CatchAll extends BaseExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): void {
    super.catch(toHttpException(exception), host);
  }
}

const ordersOn = (options: AdvisoryLockModuleOptions) => ({
  controllers: [Orders],
  imports: [postgres(database), AdvisoryLockModule.forRoot(options)],
});

describe.each<Platform>(['express', 'fastify'])(
  'a lock that cannot be had, in a handler of %s',
  (platform) => {
    it('is a 503 with the code and a time to retry, while the database is away', async () => {
      const { url, log } = await serve(platform, ordersOn({ connectionOptions: NOWHERE }));
      const response = await fetch(`${url}/pay/1`);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await response.json()).toEqual({
        statusCode: 503,
        error: 'Service Unavailable',
        message: 'The lock cannot be taken at the moment. Try again later.',
        code: 'LOCK_CONNECTION',
      });
      expect(log.matching(/ExceptionsHandler/)).toEqual([]);
    });

    it('is the same through a filter that catches everything and uses toHttpException()', async () => {
      const { url } = await serve(platform, ordersOn({ connectionOptions: NOWHERE }), (app) => {
        app.useGlobalFilters(new CatchAll(app.getHttpAdapter()));
      });
      const response = await fetch(`${url}/pay/1`);
      expect([response.status, await response.json()]).toMatchObject([503, { code: 'LOCK_CONNECTION' }]);
      expect((await fetch(`${url}/missing`)).status).toBe(404);
    });

    it('is a 503 with the code, and one line in the log, when the lock table is full', async () => {
      const { url, log } = await serve(platform, ordersOn({}));
      const response = await fetch(`${url}/full`);
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, null]);
      const body = await response.text();
      expect(body).toContain('"code":"LOCK_CAPACITY"');
      expect(body).not.toContain('secret');
      expect(log.matching(/ {2}at |ExceptionsHandler/)).toEqual([]);
      expect(log.matching(/^warn .*max_locks_per_transaction/)).toHaveLength(1);
    });

    it('is a 503 while a deployment waits for the work in flight, which still gets its 200', async () => {
      const gate = (Orders.gate = new Gate());
      const { app, url } = await serve(platform, ordersOn({}));
      const working = fetch(`${url}/pay/slow`);
      await gate.reached;
      const closing = app.close();
      const response = await fetch(`${url}/pay/1`);
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await response.json()).toMatchObject({
        message: 'This instance is shutting down. Try again.',
        code: 'LOCK_SHUTDOWN',
      });
      gate.open();
      expect((await working).status).toBe(200);
      await closing;
    });

    it('is a 503 for work that a shutdown cuts off, and a 500 for a lock lost otherwise', async () => {
      const { app, url } = await serve(platform, ordersOn({ shutdownTimeoutMs: 0 }));
      const isHeld = async () => (await database.advisoryLocks()).length > 0;

      const lost = fetch(`${url}/import`);
      await until(isHeld, 'the work is in flight');
      await terminateHolders(database);
      expect((await lost).status).toBe(500);

      const cutOff = fetch(`${url}/import`);
      await until(isHeld, 'the work is in flight again');
      const closed = once(app.getHttpServer() as NodeJS.EventEmitter, 'close');
      const closing = app.close();
      const response = await cutOff;
      expect([response.status, await response.json()]).toMatchObject([503, { code: 'LOCK_LOST' }]);
      await Promise.all([closing, closed]);
    });
  },
);
