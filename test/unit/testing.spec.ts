import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { EntityManager } from 'typeorm';
import {
  AdvisoryLockModule,
  AdvisoryLockService,
  currentEntityManager,
  currentTick,
  ExclusiveCron,
  ExclusiveInterval,
  ExclusiveTimeout,
  getAdvisoryLockToken,
  OnLeadership,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { AdvisoryLockTesting, AdvisoryLockTestingModule } from 'nestjs-advisory-lock/testing';

@Injectable()
class Orders {
  readonly running: string[] = [];
  readonly ticks: (Date | undefined)[] = [];

  @WithAdvisoryLock((id: string) => `order:${id}`)
  async pay(id: string, until: Promise<unknown> = Promise.resolve()): Promise<string> {
    this.running.push(id);
    await until;
    return `paid ${id}`;
  }

  @WithAdvisoryLock((id: string) => `order:${id}`, { respectLeases: true })
  async ship(id: string): Promise<string> {
    return Promise.resolve(`shipped ${id}`);
  }

  @WithAdvisoryLock('stock', { scope: 'transaction' })
  async count(): Promise<object> {
    await Promise.resolve();
    return currentEntityManager();
  }

  @ExclusiveCron('0 3 * * *')
  async nightly(): Promise<string> {
    await Promise.resolve();
    this.ticks.push(currentTick()?.at);
    return 'done';
  }

  @ExclusiveCron('0 4 * * *', { tick: 'record' })
  async payOut(): Promise<string> {
    await Promise.resolve();
    this.ticks.push(currentTick()?.at);
    if (this.running.length > 0) throw new Error('the bank is closed');
    return 'paid out';
  }

  @ExclusiveInterval(60_000)
  async poll(): Promise<string> {
    await Promise.resolve();
    this.ticks.push(currentTick()?.at);
    return 'polled';
  }

  @ExclusiveTimeout(5_000)
  async warmUp(): Promise<string> {
    await Promise.resolve();
    return 'warm';
  }
}

@Injectable()
class Feed {
  readonly terms: AbortSignal[] = [];

  @OnLeadership('feed')
  lead(signal: AbortSignal): void {
    this.terms.push(signal);
  }
}

@Module({ imports: [AdvisoryLockModule.forRoot({ namespace: 'shop' })], providers: [Orders, Feed] })
class AppModule {}

const busy = { code: 'LOCK_UNAVAILABLE' };

/** A promise that is resolved by hand. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe('AdvisoryLockTesting without Nest', () => {
  it('lets two calls of a decorated method exclude each other', async () => {
    const testing = new AdvisoryLockTesting();
    const orders = testing.provide(new Orders());
    const { opened, open } = gate();
    const first = orders.pay('7', opened);
    await expect(orders.pay('7')).rejects.toMatchObject(busy);
    expect(await orders.pay('8')).toBe('paid 8');
    expect(testing.held()).toEqual(['order:7']);
    open();
    expect(await first).toBe('paid 7');
    expect(testing.held()).toEqual([]);
  });

  it('makes a lock busy, and free again', async () => {
    const testing = new AdvisoryLockTesting();
    const orders = testing.provide(new Orders());
    const held = await testing.hold('order:7');
    await expect(orders.pay('7')).rejects.toMatchObject(busy);
    expect(await testing.service.isLocked('order:7')).toBe(true);
    expect(testing.held()).toEqual([]);
    await held.release();
    expect(await orders.pay('7')).toBe('paid 7');
  });

  it('has no leases that a lock could respect', async () => {
    const testing = new AdvisoryLockTesting();
    const orders = testing.provide(new Orders());
    expect(await orders.ship('7')).toBe('shipped 7');
    await testing.hold('order:7');
    await expect(orders.ship('7')).rejects.toMatchObject(busy);
  });

  it('serves waiters in their order, and ends their waits', async () => {
    const { service, hold } = bound(new AdvisoryLockTesting());
    const held = await hold('import');
    const served: number[] = [];
    const waits = [1, 2, 3].map((n) =>
      service.withLock('import', () => served.push(n), { waitMs: Infinity }),
    );
    await expect(service.acquire('import', { waitMs: 20 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    const controller = new AbortController();
    const aborted = service.acquire('import', { waitMs: Infinity, signal: controller.signal });
    controller.abort(new Error('no longer needed'));
    await expect(aborted).rejects.toThrow('no longer needed');
    expect(served).toEqual([]);
    await held.release();
    await Promise.all(waits);
    expect(served).toEqual([1, 2, 3]);
  });

  it('has permits, shared locks and lists of names', async () => {
    const { service, hold } = bound(new AdvisoryLockTesting());
    await hold('mail', { permits: 2 });
    await service.withLock('mail', () => expect(hold('mail', { permits: 2 })).rejects.toMatchObject(busy), {
      permits: 2,
    });
    await hold('prices', { mode: 'shared' });
    expect(await service.tryWithLock('prices', () => 1, { mode: 'shared' })).toMatchObject({
      acquired: true,
    });
    expect(await service.tryAcquire('prices')).toBeUndefined();
    const both = await hold(['a', 'b']);
    expect(await service.tryAcquire(['b', 'c'])).toBeUndefined();
    await both.release();
    expect(await service.withLock(['b', 'c'], ({ keys }) => keys.length)).toBe(2);
  });

  it('loses a lock, which its holder is notified of, and fences the next one', async () => {
    const testing = new AdvisoryLockTesting();
    const { service } = testing;
    const lock = await service.acquire('import');
    const token = await lock.fencingToken();
    await testing.lose('import');
    expect(lock.signal.aborted).toBe(true);
    expect(() => {
      lock.assertHeld();
    }).toThrow(expect.objectContaining({ code: 'LOCK_LOST' }));
    const running = service.withLock('import', () => testing.lose('import'));
    await expect(running).rejects.toMatchObject({ code: 'LOCK_LOST' });
    const next = await service.acquire('import');
    expect(await next.fencingToken()).toBeGreaterThan(token);
  });

  it('gives what the test provides to transactions, and holds their locks until the end', async () => {
    const entityManager = { update: jest.fn() };
    const testing = new AdvisoryLockTesting({ entityManager });
    const orders = testing.provide(new Orders());
    expect(await orders.count()).toBe(entityManager);
    await testing.service.withTransactionLock('stock', async (manager) => {
      expect(manager).toBe(entityManager);
      expect(testing.held()).toEqual(['stock']);
      await expect(testing.hold('stock')).rejects.toMatchObject(busy);
      await testing.service.withTransactionLock('inner', (inner) => {
        expect(inner).toBe(entityManager);
        expect(testing.held()).toEqual(['inner', 'stock']);
      });
    });
    expect(testing.held()).toEqual([]);
    await testing.hold('stock');
    await expect(orders.count()).rejects.toMatchObject(busy);
    expect(() => currentEntityManager()).toThrow(expect.objectContaining({ code: 'LOCK_NOT_HELD' }));
  });

  it('runs a tick at an instant, once', async () => {
    const testing = new AdvisoryLockTesting();
    const orders = testing.provide(new Orders());
    const other = testing.provide(new Orders());
    const at = new Date('2026-11-22T03:00:00Z');
    expect(await testing.runTick(orders, 'nightly', at)).toBe('done');
    expect(await testing.runTick(orders, 'nightly', at)).toBeUndefined();
    expect(await testing.runTick(other, 'nightly', at)).toBeUndefined();
    expect(orders.ticks).toEqual([at]);
    expect(testing.held()).toEqual([]);
    await testing.reset();
    expect(await testing.runTick(other, 'nightly', new Date('2026-11-23T03:00:00Z'))).toBe('done');
    await expect(testing.runTick(orders, 'pay')).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
  });

  it('runs a recorded tick once, also after it has failed, and forgets it at a reset', async () => {
    const testing = new AdvisoryLockTesting();
    const orders = testing.provide(new Orders());
    const at = new Date(Date.now() - 3_600_000);
    expect(await testing.runTick(orders, 'payOut', at)).toBe('paid out');
    expect(await testing.runTick(testing.provide(new Orders()), 'payOut', at)).toBeUndefined();
    expect(orders.ticks).toEqual([at]);

    orders.running.push('closed');
    const failing = new Date(at.getTime() + 60_000);
    await expect(testing.runTick(orders, 'payOut', failing)).rejects.toThrow('the bank is closed');
    expect(await testing.runTick(testing.provide(new Orders()), 'payOut', failing)).toBeUndefined();

    await testing.reset();
    expect(await testing.runTick(testing.provide(new Orders()), 'payOut', at)).toBe('paid out');
    expect(testing.held()).toEqual([]);
  });

  it('runs an interval once in a period, and a timeout at each call', async () => {
    const testing = new AdvisoryLockTesting();
    const orders = testing.provide(new Orders());
    const other = testing.provide(new Orders());
    expect(await testing.runTick(orders, 'poll', new Date('2026-11-22T03:00:05Z'))).toBe('polled');
    expect(await testing.runTick(other, 'poll', new Date('2026-11-22T03:00:55Z'))).toBeUndefined();
    expect(await testing.runTick(other, 'poll', new Date('2026-11-22T03:01:00Z'))).toBe('polled');
    expect(orders.ticks).toEqual([new Date('2026-11-22T03:00:00Z')]);
    expect(await orders.poll()).toBe('polled');
    expect(orders.ticks[1]).toBeUndefined();

    const busy = await testing.hold('Orders.warmUp');
    expect(await testing.runTick(orders, 'warmUp')).toBeUndefined();
    await busy.release();
    expect(await testing.runTick(orders, 'warmUp')).toBe('warm');
    expect(await testing.runTick(orders, 'warmUp')).toBe('warm');
  });

  it('makes everything free', async () => {
    const testing = new AdvisoryLockTesting();
    await testing.hold('import');
    const lock = await testing.service.acquire('mail');
    await testing.reset();
    expect(lock.signal.aborted).toBe(true);
    expect(testing.held()).toEqual([]);
    expect(await testing.service.withLock(['import', 'mail'], () => 'free')).toBe('free');
  });

  it('works with fake timers', async () => {
    const testing = new AdvisoryLockTesting();
    await testing.service.withLock('import', () => undefined);
    jest.useFakeTimers();
    try {
      const held = await testing.hold('import');
      const timedOut = expect(testing.service.acquire('import', { waitMs: 60_000 })).rejects.toMatchObject({
        code: 'LOCK_TIMEOUT',
      });
      await jest.advanceTimersByTimeAsync(60_000);
      await timedOut;
      await held.release();
      const lock = await testing.service.acquire('import');
      jest.advanceTimersByTime(3_600_000);
      expect(lock.isHeld).toBe(true);
      await lock.release();
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('AdvisoryLockTestingModule', () => {
  let moduleRef: TestingModule | undefined;

  afterEach(async () => {
    await moduleRef?.close();
    moduleRef = undefined;
  });

  const start = async (builder: ReturnType<typeof Test.createTestingModule>): Promise<TestingModule> => {
    moduleRef = await builder.compile();
    await moduleRef.init();
    return moduleRef;
  };

  it.each([
    [
      'in the place of the module',
      () =>
        Test.createTestingModule({
          imports: [AdvisoryLockTestingModule.forRoot()],
          providers: [Orders, Feed],
        }),
    ],
    [
      'by overrideModule()',
      () =>
        Test.createTestingModule({ imports: [AppModule] })
          .overrideModule(AdvisoryLockModule)
          .useModule(AdvisoryLockTestingModule.forRoot()),
    ],
    [
      'beside the application',
      () => Test.createTestingModule({ imports: [AppModule, AdvisoryLockTestingModule.forRoot()] }),
    ],
  ])('needs no database, %s', async (_, builder) => {
    const app = await start(builder());
    const testing = app.get(AdvisoryLockTesting);
    const orders = app.get(Orders);
    const held = await testing.hold('order:7');
    await expect(orders.pay('7')).rejects.toMatchObject(busy);
    await held.release();
    expect(await orders.pay('7')).toBe('paid 7');
    // One engine, whichever service is asked.
    await app
      .get(AdvisoryLockService)
      .withLock('order:7', () => expect(orders.pay('7')).rejects.toMatchObject({ code: 'LOCK_REENTERED' }));
    expect(await testing.runTick(orders, 'nightly', new Date('2026-11-22T03:00:00Z'))).toBe('done');
    expect(app.get(Feed).terms).toHaveLength(1);
    expect(testing.held()).toEqual(['feed']);
    await testing.lose('feed');
    expect(app.get(Feed).terms[0]?.aborted).toBe(true);
  });

  it('lets overrideProvider(AdvisoryLockService) reach decorated methods', async () => {
    const fake = { withLock: jest.fn(() => Promise.resolve('fake')) };
    const app = await start(
      Test.createTestingModule({ imports: [AdvisoryLockTestingModule.forRoot()], providers: [Orders] })
        .overrideProvider(AdvisoryLockService)
        .useValue(fake),
    );
    expect(await app.get(Orders).pay('7')).toBe('fake');
    expect(app.get(getAdvisoryLockToken())).toBe(fake);
  });

  it('gives transactions the EntityManager that the test provides', async () => {
    const manager = { update: jest.fn() };
    const app = await start(
      Test.createTestingModule({
        imports: [AdvisoryLockTestingModule.forRoot()],
        providers: [Orders, { provide: EntityManager, useValue: manager }],
      }),
    );
    expect(await app.get(Orders).count()).toBe(manager);
  });

  it('diagnoses itself as healthy, and lists its locks', async () => {
    const app = await start(Test.createTestingModule({ imports: [AdvisoryLockTestingModule.forRoot()] }));
    const service = app.get(AdvisoryLockService);
    expect(await service.diagnose()).toMatchObject({ isHealthy: true });
  });
});

function bound(testing: AdvisoryLockTesting): Pick<AdvisoryLockTesting, 'service' | 'hold'> {
  return { service: testing.service, hold: (...args) => testing.hold(...args) };
}
