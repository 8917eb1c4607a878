import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable, Scope, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { AdvisoryLockModule, OnShare } from 'nestjs-advisory-lock';
import { AdvisoryLockTestingModule } from 'nestjs-advisory-lock/testing';
import { until } from '../support/until.js';

@Injectable()
class Tenants {
  readonly owned = new Map<number, AbortSignal>();

  @OnShare('tenants', { of: 3 })
  work(shard: number, signal: AbortSignal): void {
    this.owned.set(shard, signal);
  }
}

@Injectable()
class Bills extends Tenants {
  override work(shard: number, signal: AbortSignal): void {
    super.work(shard, signal);
  }
}

let app: TestingModule | undefined;

afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function start(...providers: Type[]): Promise<TestingModule> {
  const module = Test.createTestingModule({ imports: [AdvisoryLockModule.forRoot()], providers });
  app = await module
    .overrideModule(AdvisoryLockModule)
    .useModule(AdvisoryLockTestingModule.forRoot())
    .compile();
  await app.init();
  return app;
}

describe('@OnShare', () => {
  it('calls the methods of all providers for each shard, and aborts their signals at shutdown', async () => {
    const module = await start(Tenants, Bills);
    const found = [module.get(Tenants), module.get(Bills)].map(({ owned }) => owned);
    await until(() => found.every((owned) => owned.size === 3), 'all shards are owned');
    const signals = found.flatMap((owned) => [...owned.values()]);
    expect(signals.some(({ aborted }) => aborted)).toBe(false);
    await module.close();
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
  });

  it.each([
    ['', { of: 3 }, 'at least one character'],
    ['tenants', {}, '@OnShare must have the option `of`'],
    ['tenants', { of: 1.5 }, 'a whole number from 1 to 1024, received the number 1.5'],
    ['tenants', { of: 3, shards: 3 }, 'unknown option `shards`'],
    [7, { of: 3 }, 'The name of shares must be a string, received the number 7'],
  ])('refuses the name %j with %j', (name, options, message) => {
    expect(() => OnShare(name as string, options as never)).toThrow(
      expect.objectContaining({
        code: 'LOCK_CONFIGURATION',
        message: expect.stringContaining(message) as unknown,
      }),
    );
  });

  it('refuses providers that are no singletons, and two numbers for one name', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient extends Tenants {}
    @Injectable()
    class Others {
      @OnShare('tenants', { of: 4 })
      work(): void {
        return;
      }
    }
    await expect(start(Transient)).rejects.toMatchObject({
      message: expect.stringContaining('@OnShare on Transient.work would never be called') as unknown,
    });
    await expect(start(Tenants, Others)).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('received 3 and 4') as unknown,
    });
  });
});
