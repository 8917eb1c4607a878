import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleInit,
  Scope,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import type { TestingModule } from '@nestjs/testing';
import {
  AdvisoryLockService,
  ExclusiveCron,
  ExclusiveInterval,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { isHeld, lockInOtherSession } from './support/advisory-locks.js';
import { bootstrapError, lockedApp, type Platform, serve, start } from './support/applications.js';

const database = useTestDatabase({ connectionsMayStay: true });

/** A provider of any kind: its body returns whether it runs under its lock. */
interface Works {
  work(): Promise<boolean>;
}

async function expectLocked(worker: Works): Promise<void> {
  expect(await worker.work()).toBe(true);
  await lockInOtherSession(database, 'work');
  await expect(worker.work()).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE', lockName: 'work' });
}

class Plain implements Works {
  #calls = 0;

  @WithAdvisoryLock('work')
  async work(): Promise<boolean> {
    this.#calls += 1;
    return isHeld(database, 'work');
  }

  get calls(): number {
    return this.#calls;
  }
}

@Injectable()
class OfAClass extends Plain {}

@Injectable({ scope: Scope.TRANSIENT })
class Transient extends Plain {}

@Injectable({ scope: Scope.REQUEST })
class RequestScoped extends Plain {}

const NOT_A_CLASS = Symbol('a factory that returns something else');
const aValue = new Plain();

describe('a locked method', () => {
  let app: TestingModule;

  beforeAll(async () => {
    ({ app } = await start(
      lockedApp(database, {
        providers: [
          OfAClass,
          Plain,
          Transient,
          RequestScoped,
          { provide: 'useClass', useClass: OfAClass },
          { provide: 'useExisting', useExisting: OfAClass },
          { provide: 'useFactory', useFactory: () => new Plain() },
          { provide: 'async useFactory', useFactory: () => Promise.resolve(new Plain()) },
          { provide: 'useValue', useValue: aValue },
          { provide: 'the same value', useValue: aValue },
          { provide: 'an inner class', useFactory: () => new (class extends Plain {})() },
          { provide: NOT_A_CLASS, useFactory: () => null },
          { provide: 'a dictionary', useValue: Object.create(null) as object },
        ],
      }),
    ));
  });

  it.each<[string, string | typeof OfAClass]>([
    ['a class', OfAClass],
    ['a class without @Injectable', Plain],
    ['useClass', 'useClass'],
    ['useExisting', 'useExisting'],
    ['useFactory', 'useFactory'],
    ['async useFactory', 'async useFactory'],
    ['useValue', 'useValue'],
    ['one value under two tokens', 'the same value'],
    ['a class without a name', 'an inner class'],
  ])('is locked on a provider made by %s', async (_, token) => {
    await expectLocked(app.get<Works>(token));
  });

  it.each([
    ['transient', Transient],
    ['request-scoped', RequestScoped],
  ])('is locked on each object of a %s provider', async (_, type) => {
    const [first, second] = await Promise.all([app.resolve(type), app.resolve(type)]);
    expect(first).not.toBe(second);
    expect(await first.work()).toBe(true);
    await expectLocked(second);
    expect([first.calls, second.calls]).toEqual([1, 1]);
  });

  it('is locked on an object that ModuleRef.create() makes', async () => {
    await expectLocked(await app.get(ModuleRef).create(OfAClass));
  });

  it('leaves no trace in the JSON of its object, nor among its keys', () => {
    const worker = app.get(OfAClass);
    expect([JSON.stringify(worker), Object.keys(worker)]).toEqual(['{}', []]);
  });

  it('rejects, and does not run, on an object that was made by hand', async () => {
    const worker = new Plain();
    await expect(worker.work()).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('Plain.work'),
    });
    expect(worker.calls).toBe(0);
  });

  it('rejects, and does not run, without its object', async () => {
    const worker = app.get(OfAClass);
    const before = worker.calls;
    for (const instance of [undefined, null, 'work', Object.create(null)]) {
      await expect(worker.work.call(instance)).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
        message: expect.stringContaining('work'),
      });
    }
    expect(worker.calls).toBe(before);
  });

  it('runs as a callback that is bound to its object', async () => {
    const worker = app.get(OfAClass);
    expect(await worker.work.bind(worker)()).toBe(true);
  });
});

describe('a frozen object', () => {
  it('is refused at bootstrap, by the name of its class', async () => {
    const error = await bootstrapError(
      lockedApp(database, { providers: [{ provide: Plain, useValue: Object.freeze(new Plain()) }] }),
    );
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(error.message).toMatch(/Plain.*frozen/);
  });

  it('is refused at bootstrap when its own constructor froze it', async () => {
    @Injectable()
    class Frozen extends Plain {
      constructor() {
        super();
        Object.freeze(this);
      }
    }
    await expect(start(lockedApp(database, { providers: [Frozen] }))).rejects.toThrow(/not extensible/);
  });
});

describe('a locked method of a subclass', () => {
  @Injectable()
  class Base {
    readonly log: string[] = [];

    @WithAdvisoryLock('base')
    async inherited(): Promise<boolean> {
      return isHeld(database, 'base');
    }

    @WithAdvisoryLock('base', { reentry: 'join' })
    async overridden(): Promise<string[]> {
      this.log.push(`base ${await isHeld(database, 'base')}`);
      return this.log;
    }

    @WithAdvisoryLock('base')
    async unlocked(): Promise<boolean> {
      return isHeld(database, 'base');
    }
  }

  @Injectable()
  class Sub extends Base {
    @WithAdvisoryLock('base')
    override async overridden(): Promise<string[]> {
      this.log.push(`sub ${await isHeld(database, 'base')}`);
      await super.overridden();
      this.log.push(`still ${await isHeld(database, 'base')}`);
      return this.log;
    }

    override async unlocked(): Promise<boolean> {
      return isHeld(database, 'base');
    }

    @WithAdvisoryLock('sub')
    async own(): Promise<boolean[]> {
      return [await isHeld(database, 'sub'), await this.inherited()];
    }
  }

  it('is inherited, and a call of super under the same name joins', async () => {
    const { app } = await start(lockedApp(database, { providers: [Base, Sub] }));
    const sub = app.get(Sub);
    expect(await sub.inherited()).toBe(true);
    expect(await sub.own()).toEqual([true, true]);
    expect(await sub.overridden()).toEqual(['sub true', 'base true', 'still true']);
    expect(await isHeld(database, 'base')).toBe(false);
    expect(await app.get(Base).overridden()).toEqual(['base true']);
  });

  it('is an ordinary method when it is overridden without the decorator', async () => {
    const { app } = await start(lockedApp(database, { providers: [Sub] }));
    expect(await app.get(Sub).unlocked()).toBe(false);
  });

  it('has the lock name of its own class under @ExclusiveCron', async () => {
    const held: Record<string, boolean[]> = {};

    abstract class Job {
      @ExclusiveCron('0 0 29 2 *')
      async daily(): Promise<void> {
        held[this.constructor.name] = [
          await isHeld(database, 'Stock.daily'),
          await isHeld(database, 'Sales.daily'),
        ];
      }
    }
    @Injectable()
    class Stock extends Job {}
    @Injectable()
    class Sales extends Job {}

    const { app } = await start(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Stock, Sales] }),
    );
    const jobs = [...app.get(SchedulerRegistry).getCronJobs().values()];
    expect(jobs).toHaveLength(2);
    for (const job of jobs) {
      job.waitForCompletion = true;
      await job.fireOnTick();
    }
    expect(held).toEqual({ Stock: [true, false], Sales: [false, true] });
  });

  it('may give an inherited job a schedule of its own', async () => {
    class Job {
      @ExclusiveCron('0 0 29 2 *')
      async run(): Promise<void> {}
    }
    @Injectable()
    class Often extends Job {
      @ExclusiveInterval('often', 3_600_000)
      override async run(): Promise<void> {}
    }

    const { app } = await start(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Often] }),
    );
    const scheduler = app.get(SchedulerRegistry);
    expect([scheduler.getCronJobs().size, scheduler.getIntervals()]).toEqual([0, ['often']]);
  });
});

describe('a locked method that is called while the application starts', () => {
  class Early implements OnModuleInit, OnApplicationBootstrap {
    readonly results: unknown[] = [];

    constructor(
      @Inject(OfAClass) private readonly worker: Works,
      @Inject('made') private readonly made: Works,
    ) {}

    async onModuleInit(): Promise<void> {
      this.results.push(await this.worker.work(), await this.made.work());
    }

    async onApplicationBootstrap(): Promise<void> {
      this.results.push(await this.worker.work(), await this.made.work());
    }
  }

  it('runs under its lock, in onModuleInit and in onApplicationBootstrap', async () => {
    const { app } = await start(
      lockedApp(database, {
        providers: [Early, OfAClass, { provide: 'made', useFactory: () => new Plain() }],
      }),
    );
    expect(app.get(Early).results).toEqual([true, true, true, true]);
  });
});

describe('a locked method that is called after the application has ended', () => {
  it('rejects, and does not run', async () => {
    const { app } = await start(lockedApp(database, { providers: [OfAClass] }));
    const worker = app.get(OfAClass);
    await app.close();
    await expect(worker.work()).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    expect(worker.calls).toBe(0);
  });
});

describe.each<Platform>(['express', 'fastify'])('a request-scoped controller of %s', (platform) => {
  @Controller({ scope: Scope.REQUEST })
  class Requests {
    constructor(
      private readonly worker: RequestScoped,
      private readonly locks: AdvisoryLockService,
    ) {}

    @Get('own')
    @WithAdvisoryLock('own')
    async own(): Promise<unknown> {
      return [await isHeld(database, 'own'), this.locks.current()?.name];
    }

    @Get('provider')
    async provider(): Promise<unknown> {
      return [await this.worker.work(), this.worker.calls];
    }
  }

  it('runs its locked handlers, and those of its providers, under their locks', async () => {
    const { url } = await serve(
      platform,
      lockedApp(database, { controllers: [Requests], providers: [RequestScoped] }),
    );
    for (let request = 1; request <= 2; request += 1) {
      expect(await (await fetch(`${url}/own`)).json()).toEqual([true, 'own']);
      expect(await (await fetch(`${url}/provider`)).json()).toEqual([true, 1]);
    }
    await lockInOtherSession(database, 'own');
    await lockInOtherSession(database, 'work');
    expect((await fetch(`${url}/own`)).status).toBe(409);
    expect((await fetch(`${url}/provider`)).status).toBe(409);
  });
});
