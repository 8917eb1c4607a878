import { beforeAll, describe, expect, it } from '@jest/globals';
import { type ArgumentsHost, Catch, Controller, Get, Injectable, Param, UseFilters } from '@nestjs/common';
import { APP_FILTER, BaseExceptionFilter } from '@nestjs/core';
import {
  AdvisoryLockModule,
  AdvisoryLockService,
  LockUnavailableError,
  toHttpException,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { lockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, type Platform, postgres, serve } from './support/applications.js';

const database = useTestDatabase({ connectionsMayStay: true });

@Injectable()
class Warehouse {
  @WithAdvisoryLock((id: string) => `secret:${id}`)
  async pack(id: string): Promise<string> {
    return Promise.resolve(`packed ${id}`);
  }
}

@Controller()
class Orders {
  constructor(
    private readonly locks: AdvisoryLockService,
    private readonly warehouse: Warehouse,
  ) {}

  @Get('plain/:id')
  @WithAdvisoryLock((id: string) => `secret:${id}`)
  plain(@Param('id') id: string): Promise<string> {
    return Promise.resolve(id);
  }

  @Get('options/:id')
  @WithAdvisoryLock((id: string) => `secret:${id}`, { httpStatus: 423, exposeLockName: true })
  options(@Param('id') id: string): Promise<string> {
    return Promise.resolve(id);
  }

  @Get('too-many/:id')
  @WithAdvisoryLock((id: string) => `secret:${id}`, { httpStatus: 429 })
  tooMany(@Param('id') id: string): Promise<string> {
    return Promise.resolve(id);
  }

  @Get('away/:id')
  @WithAdvisoryLock((id: string) => `secret:${id}`, { httpStatus: 503, exposeLockName: false })
  away(@Param('id') id: string): Promise<string> {
    return Promise.resolve(id);
  }

  @Get('by-hand/:id')
  async byHand(@Param('id') id: string): Promise<string> {
    await using lock = await this.locks.acquire(`secret:${id}`);
    return lock.name;
  }

  @Get('by-hand-with-options/:id')
  byHandWithOptions(@Param('id') id: string): Promise<string> {
    return this.locks.withLock(`secret:${id}`, () => id, { httpStatus: 429, exposeLockName: true });
  }

  @Get('through-a-provider/:id')
  throughAProvider(@Param('id') id: string): Promise<string> {
    return this.warehouse.pack(id);
  }

  @Get('supplied/:id')
  @WithAdvisoryLock((id: string) => `secret:${id}`, { onBusy: ({ args: [id] }) => `${id} later` })
  supplied(@Param('id') id: string): Promise<string> {
    return Promise.resolve(id);
  }

  @Get('rethrown/:id')
  @WithAdvisoryLock((id: string) => `secret:${id}`, {
    onBusy: ({ error }) => {
      throw error;
    },
  })
  rethrown(@Param('id') id: string): Promise<string> {
    return Promise.resolve(id);
  }
}

const controllers = { controllers: [Orders], providers: [Warehouse] };
const CONFLICT = {
  statusCode: 409,
  error: 'Conflict',
  message: 'Another request holds this lock. Try again later.',
  code: 'LOCK_UNAVAILABLE',
};

@Catch()
class CatchAll extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    super.catch(error instanceof LockUnavailableError ? toHttpException(error) : error, host);
  }
}

@Catch(LockUnavailableError)
class OwnWords extends BaseExceptionFilter {
  override catch(error: LockUnavailableError, host: ArgumentsHost): void {
    const exception = toHttpException(error);
    super.catch(Object.assign(exception, { getResponse: () => ({ own: 'words' }) }), host);
  }
}

describe.each<Platform>(['express', 'fastify'])('a busy lock in a handler of %s', (platform) => {
  let url: string;

  beforeAll(async () => {
    ({ url } = await serve(platform, lockedApp(database, controllers)));
  });

  it('is a 409 that does not contain the name of the lock', async () => {
    await lockInOtherSession(database, 'secret:1');
    const response = await fetch(`${url}/plain/1`);
    expect(response.status).toBe(409);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.json()).toEqual(CONFLICT);
  });

  it.each([
    ['options', 423, { error: 'Locked', lock: 'secret:1' }],
    ['too-many', 429, { error: 'Too Many Requests' }],
    ['away', 503, { error: 'Service Unavailable' }],
    ['by-hand', 409, {}],
    ['by-hand-with-options', 429, { error: 'Too Many Requests', lock: 'secret:1' }],
    ['through-a-provider', 409, {}],
    ['rethrown', 409, {}],
  ])('is what the options say: %s', async (path, statusCode, rest) => {
    await lockInOtherSession(database, 'secret:1');
    const response = await fetch(`${url}/${path}/1`);
    expect(response.status).toBe(statusCode);
    expect(await response.json()).toEqual({ ...CONFLICT, statusCode, ...rest });
  });

  it('gets the response that onBusy supplies', async () => {
    await lockInOtherSession(database, 'secret:1');
    const response = await fetch(`${url}/supplied/1`);
    expect([response.status, await response.text()]).toEqual([200, '1 later']);
  });

  it('hinders no other lock', async () => {
    await lockInOtherSession(database, 'secret:1');
    expect(await (await fetch(`${url}/plain/2`)).text()).toBe('2');
  });
});

describe.each<Platform>(['express', 'fastify'])('the module options for a busy lock on %s', (platform) => {
  let url: string;

  beforeAll(async () => {
    const locks = AdvisoryLockModule.forRoot({ httpStatus: 423, exposeLockName: true });
    ({ url } = await serve(platform, { ...controllers, imports: [postgres(database), locks] }));
  });

  it.each(['plain', 'by-hand', 'through-a-provider', 'rethrown'])('hold for %s', async (path) => {
    await lockInOtherSession(database, 'secret:1');
    const response = await fetch(`${url}/${path}/1`);
    expect(response.status).toBe(423);
    expect(await response.json()).toMatchObject({ error: 'Locked', lock: 'secret:1' });
  });

  it('give way to the options of a decorator', async () => {
    await lockInOtherSession(database, 'secret:1');
    const response = await fetch(`${url}/away/1`);
    expect(response.status).toBe(503);
    expect(await response.json()).not.toHaveProperty('lock');
  });

  it('give way to the options of a call', async () => {
    await lockInOtherSession(database, 'secret:1');
    expect((await fetch(`${url}/by-hand-with-options/1`)).status).toBe(429);
  });
});

@UseFilters(OwnWords)
class OrdersWithOwnWords extends Orders {}
Controller()(OrdersWithOwnWords);

describe.each<Platform>(['express', 'fastify'])(
  'an application of %s with filters of its own',
  (platform) => {
    it('that catches everything shows a busy lock by toHttpException()', async () => {
      const { url } = await serve(platform, lockedApp(database, controllers), (app) => {
        app.useGlobalFilters(new CatchAll(app.getHttpAdapter()));
      });
      await lockInOtherSession(database, 'secret:1');
      const response = await fetch(`${url}/options/1`);
      expect(response.status).toBe(423);
      expect(await response.json()).toMatchObject({ code: 'LOCK_UNAVAILABLE', lock: 'secret:1' });
    });

    it.each([
      ['as a global filter', controllers, true],
      ['on its controller', { ...controllers, controllers: [OrdersWithOwnWords] }, false],
      [
        'as APP_FILTER',
        { ...controllers, providers: [Warehouse, { provide: APP_FILTER, useClass: OwnWords }] },
        false,
      ],
    ])('has the last word %s', async (_, metadata, isGlobal) => {
      const { url } = await serve(platform, lockedApp(database, metadata), (app) => {
        if (isGlobal) app.useGlobalFilters(new OwnWords(app.getHttpAdapter()));
      });
      await lockInOtherSession(database, 'secret:1');
      expect(await (await fetch(`${url}/plain/1`)).json()).toEqual({ own: 'words' });
    });
  },
);
