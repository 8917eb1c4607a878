import { describe, expect, it } from '@jest/globals';
import { Inject, Injectable, Module } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import {
  AdvisoryLockCronHistory,
  AdvisoryLockHealthIndicator,
  AdvisoryLockInspector,
  AdvisoryLockModule,
  type AdvisoryLockModuleOptions,
  type AdvisoryLockOptionsFactory,
  AdvisoryLockService,
  EXCLUSIVE_CRON_RUN_SQL,
  ExclusiveCron,
  getAdvisoryLockToken,
  InjectAdvisoryLock,
  OnLeadership,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { DataSource } from 'typeorm';
import { applicationNameOf, defaultInstanceName } from '../../lib/core/index.js';
import { defer } from '../support/cleanup.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { isHeld, lockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, postgres, start } from './support/applications.js';
import { Gate } from './support/gate.js';

const main = useTestDatabase({ connectionsMayStay: true });
const archive = useTestDatabase({ connectionsMayStay: true });

@Injectable()
class Worker {
  gate: Gate | undefined;

  @WithAdvisoryLock('work')
  async work(): Promise<boolean[]> {
    await this.gate?.pass();
    return [await isHeld(main, 'work'), await isHeld(archive, 'work')];
  }
}

@Injectable()
class Job {
  ran: boolean[] = [];

  @ExclusiveCron('0 0 29 2 *', { name: 'job', waitForCompletion: true })
  async run(): Promise<void> {
    this.ran.push(await isHeld(main, 'Job.run'));
  }
}

describe('the order of the modules', () => {
  const modules = {
    locks: () => AdvisoryLockModule.forRoot(),
    schedule: () => ScheduleModule.forRoot(),
    database: () => postgres(main),
  };
  type Name = keyof typeof modules;

  it.each<[Name, Name, Name]>([
    ['locks', 'schedule', 'database'],
    ['locks', 'database', 'schedule'],
    ['schedule', 'locks', 'database'],
    ['schedule', 'database', 'locks'],
    ['database', 'locks', 'schedule'],
    ['database', 'schedule', 'locks'],
  ])('does not matter: %s, %s, %s', async (...names) => {
    const { app, log } = await start({
      imports: names.map((name) => modules[name]()),
      providers: [Job, Worker, { provide: 'made', useFactory: () => new Worker() }],
    });
    await app.get(SchedulerRegistry).getCronJob('job').fireOnTick();
    expect(app.get(Job).ran).toEqual([true]);
    expect(await app.get(Worker).work()).toEqual([true, false]);
    expect(await app.get<Worker>('made').work()).toEqual([true, false]);
    expect(log.matching(/^(warn|error)/)).toEqual([]);
  });
});

describe('a module that is not global', () => {
  @Module({
    imports: [AdvisoryLockModule.forRoot({ isGlobal: false })],
    providers: [Worker],
    exports: [Worker],
  })
  class Feature {}

  it('serves the module that imports it', async () => {
    const { app } = await start({ imports: [postgres(main), Feature] });
    expect(await app.get(Worker).work()).toEqual([true, false]);
  });

  it('serves no other module, and the bootstrap says which class needs what', async () => {
    @Injectable()
    class Stranger extends Worker {}
    await expect(start({ imports: [postgres(main), Feature], providers: [Stranger] })).rejects.toThrow(
      /dependencies of the Stranger[^]*AdvisoryLockService of AdvisoryLockModule\.forRoot\(\)/,
    );
  });

  it('can be imported twice with different options', async () => {
    const feature = (namespace: string) => {
      @Injectable()
      class Own extends Worker {
        @WithAdvisoryLock('own')
        async own(): Promise<boolean> {
          return isHeld(main, `${namespace}:own`);
        }
      }
      @Module({
        imports: [AdvisoryLockModule.forRoot({ isGlobal: false, namespace })],
        providers: [{ provide: `worker of ${namespace}`, useClass: Own }],
        exports: [`worker of ${namespace}`],
      })
      class OwnFeature {}
      return OwnFeature;
    };
    const { app } = await start({ imports: [postgres(main), feature('red'), feature('blue')] });
    for (const namespace of ['red', 'blue']) {
      expect(await app.get<{ own(): Promise<boolean> }>(`worker of ${namespace}`).own()).toBe(true);
    }
  });
});

describe('two data sources', () => {
  @Injectable()
  class Both {
    constructor(
      readonly locks: AdvisoryLockService,
      @InjectAdvisoryLock('archive') readonly archiveLocks: AdvisoryLockService,
    ) {}

    @InjectAdvisoryLock('archive')
    readonly byProperty!: AdvisoryLockService;

    @WithAdvisoryLock('work')
    async here(): Promise<boolean[]> {
      return this.where();
    }

    @WithAdvisoryLock('work', { connection: 'archive' })
    async there(): Promise<boolean[]> {
      return this.where();
    }

    @WithAdvisoryLock('work')
    @WithAdvisoryLock('work', { connection: 'archive' })
    async everywhere(): Promise<boolean[]> {
      return this.where();
    }

    @ExclusiveCron('0 0 29 2 *', { name: 'archive job', connection: 'archive', waitForCompletion: true })
    async job(): Promise<void> {
      this.jobs.push([await isHeld(main, 'Both.job'), await isHeld(archive, 'Both.job')]);
    }

    readonly jobs: boolean[][] = [];

    private async where(): Promise<boolean[]> {
      return [await isHeld(main, 'work'), await isHeld(archive, 'work')];
    }
  }

  const metadata = {
    imports: [
      ScheduleModule.forRoot(),
      AdvisoryLockModule.forRoot({ name: 'archive', dataSource: 'archive' }),
      AdvisoryLockModule.forRoot(),
      postgres(main),
      postgres(archive, 'archive'),
    ],
    providers: [Both],
  };

  it('are distinct in the log: each line of a named one has its name and its database', async () => {
    const { app, log } = await start(metadata);
    const ofArchive = `archive (database "${archive.name}"): `;
    const isOurs = /^\w+ \[AdvisoryLock/;
    const isOfDefault = (line: string): boolean => line.startsWith('log [AdvisoryLockModule] PostgreSQL');
    expect(log.matching(isOurs).filter(isOfDefault)).toHaveLength(1);
    const locks = app.get<AdvisoryLockService>(getAdvisoryLockToken('archive'));
    locks.events.on('lost', () => {
      throw new Error('of a listener');
    });
    await using lock = await locks.acquire('x');
    await terminateHolders(archive);
    await until(() => !lock.isHeld, 'the loss');
    await until(() => log.matching(/connection ended/).length > 0, 'its line');
    const lines = log.matching(isOurs).filter((line) => !isOfDefault(line));
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.filter((line) => !line.includes(`] ${ofArchive}`))).toEqual([]);
  });

  it('say at the start when one with a name uses the default data source', async () => {
    const { log } = await start({
      imports: [
        postgres(main),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'archive', namespace: 'archive' }),
        AdvisoryLockModule.forRoot({ name: 'explicit', dataSource: DataSource, namespace: 'explicit' }),
      ],
    });
    expect(log.matching(/default data source/)).toEqual([
      `log [AdvisoryLockModule] archive (database "${main.name}"): Uses the default data source, ` +
        'as the option `dataSource` is not set',
    ]);
  });

  it('each have their own locks', async () => {
    const { app } = await start(metadata);
    const both = app.get(Both);
    expect(both.byProperty).toBe(both.archiveLocks);
    expect(app.get(getAdvisoryLockToken('archive'))).toBe(both.archiveLocks);
    expect(app.get(getAdvisoryLockToken())).toBe(both.locks);
    expect(await both.here()).toEqual([true, false]);
    expect(await both.there()).toEqual([false, true]);
    expect(await both.everywhere()).toEqual([true, true]);
    await app.get(SchedulerRegistry).getCronJob('archive job').fireOnTick();
    expect(both.jobs).toEqual([[false, true]]);
  });

  it('are each asked for the locks of their decorator', async () => {
    const { app } = await start(metadata);
    const both = app.get(Both);
    await lockInOtherSession(archive, 'work');
    expect(await both.here()).toEqual([true, true]);
    await expect(both.there()).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    await expect(both.everywhere()).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    expect(await isHeld(main, 'work')).toBe(false);
  });

  it('need no default one', async () => {
    const { app } = await start({
      imports: [
        AdvisoryLockModule.forRoot({ name: 'archive', dataSource: 'archive' }),
        postgres(archive, 'archive'),
      ],
    });
    const locks = app.get<AdvisoryLockService>(getAdvisoryLockToken('archive'));
    expect(await locks.withLock('work', () => isHeld(archive, 'work'))).toBe(true);
    expect(() => app.get(AdvisoryLockService)).toThrow('AdvisoryLockService');
  });

  it('are told apart by the names of their connections', async () => {
    const { app } = await start(metadata);
    await app.get(Both).everywhere();
    const namesOf = async (database: typeof main) =>
      (await database.connections()).map(({ applicationName }) => applicationName);
    expect(await namesOf(main)).toContain(applicationNameOf(defaultInstanceName()));
    expect(await namesOf(archive)).toContain(applicationNameOf(defaultInstanceName(), 'archive'));
  });
});

describe('asynchronous options', () => {
  class Settings implements AdvisoryLockOptionsFactory {
    createAdvisoryLockOptions(): AdvisoryLockModuleOptions {
      return { namespace: 'shop' };
    }
  }
  @Module({ providers: [Settings], exports: [Settings] })
  class SettingsModule {}

  it.each([
    ['a factory', AdvisoryLockModule.forRootAsync({ useFactory: () => ({ namespace: 'shop' }) })],
    [
      'an asynchronous factory with dependencies',
      AdvisoryLockModule.forRootAsync({
        imports: [SettingsModule],
        inject: [Settings],
        useFactory: (settings: Settings) => Promise.resolve(settings.createAdvisoryLockOptions()),
      }),
    ],
    ['a class', AdvisoryLockModule.forRootAsync({ useClass: Settings })],
    [
      'an existing provider',
      AdvisoryLockModule.forRootAsync({ imports: [SettingsModule], useExisting: Settings }),
    ],
  ])('may be made by %s', async (_, locks) => {
    const { app } = await start({ imports: [postgres(main), locks] });
    const held = await app.get(AdvisoryLockService).withLock('work', () => isHeld(main, 'shop:work'));
    expect(held).toBe(true);
  });

  it('may have a name and stay in their module', async () => {
    @Module({
      imports: [
        AdvisoryLockModule.forRootAsync({
          name: 'archive',
          isGlobal: false,
          useFactory: () => ({ dataSource: 'archive' }),
        }),
      ],
      providers: [{ provide: 'locks', useExisting: getAdvisoryLockToken('archive') }],
      exports: ['locks'],
    })
    class Feature {}
    const { app } = await start({ imports: [Feature, postgres(archive, 'archive')] });
    const locks = app.get<AdvisoryLockService>('locks');
    expect(await locks.withLock('work', () => isHeld(archive, 'work'))).toBe(true);
  });
});

describe('two applications in one process', () => {
  it('exclude each other on one database', async () => {
    const [one, two] = await Promise.all([
      start(lockedApp(main, { providers: [Worker] })),
      start(lockedApp(main, { providers: [Worker] })),
    ]);
    const first = one.app.get(Worker);
    const gate = (first.gate = new Gate());
    const running = first.work();
    await gate.reached;
    await expect(two.app.get(Worker).work()).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    gate.open();
    expect(await running).toEqual([true, false]);
    expect(await two.app.get(Worker).work()).toEqual([true, false]);
  });

  it('stay apart on two databases, and one outlives the other', async () => {
    const [one, two] = await Promise.all([
      start(lockedApp(main, { providers: [Worker] })),
      start(lockedApp(archive, { providers: [Worker] })),
    ]);
    const first = one.app.get(Worker);
    const gate = (first.gate = new Gate());
    const running = first.work();
    await gate.reached;
    expect(await two.app.get(Worker).work()).toEqual([true, true]);
    gate.open();
    await running;
    await one.app.close();
    await expect(first.work()).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    expect(await two.app.get(Worker).work()).toEqual([false, true]);
  });

  it('do not count one as inside the other', async () => {
    const [one, two] = await Promise.all([
      start(lockedApp(main, { providers: [Worker] })),
      start(lockedApp(main, { providers: [Worker] })),
    ]);
    const inner = one.app.get(AdvisoryLockService).withLock('work', () => two.app.get(Worker).work());
    await expect(inner).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
  });

  it('cannot share one object, as its locks could belong to one of them only', async () => {
    const shared = { provide: Worker, useValue: new Worker() };
    await start(lockedApp(main, { providers: [shared] }));
    await expect(start(lockedApp(archive, { providers: [shared] }))).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('Worker'),
    });
  });

  it('may have one object one after the other', async () => {
    const worker = new Worker();
    const metadata = { providers: [{ provide: Worker, useValue: worker }] };
    const { app } = await start(lockedApp(main, metadata));
    await app.close();
    await start(lockedApp(archive, metadata));
    expect(await worker.work()).toEqual([false, true]);
  });
});

describe('a test of an application', () => {
  it('may put a fake in the place of the service', async () => {
    @Injectable()
    class Uses {
      constructor(@Inject(AdvisoryLockService) readonly locks: unknown) {}
    }
    const asked: unknown[] = [];
    const fake = {
      withLock: async (name: unknown, body: () => Promise<unknown>) => {
        asked.push(name);
        return body();
      },
    };
    const { app } = await start(lockedApp(main, { providers: [Uses, Worker] }), (builder) =>
      builder.overrideProvider(getAdvisoryLockToken()).useValue(fake),
    );
    expect(app.get(Uses).locks).toBe(fake);
    expect(await app.get(Worker).work()).toEqual([false, false]);
    expect(asked).toEqual(['work']);
  });

  it('can provide one with only the called methods, with leaderships and recorded jobs', async () => {
    await main.query(EXCLUSIVE_CRON_RUN_SQL);
    defer(() => main.query('DROP TABLE exclusive_cron_run'));
    let hasLed = false;
    @Injectable()
    class Nightly {
      @OnLeadership('feed')
      lead(): void {
        hasLed = true;
      }

      @ExclusiveCron('0 0 1 1 *', { tick: 'record', catchUp: 'last' })
      run(): Promise<string> {
        return Promise.resolve('has run');
      }
    }
    const asked: unknown[] = [];
    const fake = {
      tryWithLock: async (name: unknown, body: () => Promise<unknown>) => {
        asked.push(name);
        return { acquired: true, value: await body() };
      },
    };
    const metadata = { imports: [ScheduleModule.forRoot()], providers: [Nightly] };
    const { app } = await start(lockedApp(main, metadata), (builder) =>
      builder.overrideProvider(getAdvisoryLockToken()).useValue(fake),
    );
    await until(() => hasLed, 'the leadership, which has no fake');
    expect(await app.get(Nightly).run()).toBe('has run');
    expect(asked).toEqual(['Nightly.run']);
    expect(await app.get(AdvisoryLockInspector).list({ isGranted: true })).toMatchObject([{ name: 'feed' }]);
    expect(await app.get(AdvisoryLockCronHistory).runs('Nightly.run')).toEqual([]);
    expect(await app.get(AdvisoryLockHealthIndicator).isReady('locks')).toMatchObject({
      locks: { status: 'up' },
    });
  });

  it('may let a fake be busy for a method that skips', async () => {
    @Injectable()
    class Skips {
      @WithAdvisoryLock('work', { onBusy: 'skip' })
      work(): Promise<string | undefined> {
        return Promise.resolve('done');
      }
    }
    const fake = { tryWithLock: () => Promise.resolve({ acquired: false }) };
    const { app } = await start(lockedApp(main, { providers: [Skips] }), (builder) =>
      builder.overrideProvider(getAdvisoryLockToken()).useValue(fake),
    );
    expect(await app.get(Skips).work()).toBeUndefined();
  });
});
