import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  type DynamicModule,
  Get,
  Injectable,
  Module,
  type ModuleMetadata,
  Scope,
} from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  AdvisoryLockModule,
  AdvisoryLockService,
  ExclusiveCron,
  ExclusiveInterval,
  ExclusiveTimeout,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { DataSource } from 'typeorm';
import { useTestDatabase } from '../support/test-database.js';
import { bootstrapError, lockedApp, postgres, start } from './support/applications.js';
import { Forgetful } from './support/transactional.js';

const database = useTestDatabase();

const NEVER = '0 0 29 2 *';
const LATER_MS = 3_600_000;

@Injectable()
class Reports {
  @WithAdvisoryLock('report')
  async write(): Promise<void> {}
}

@Controller()
class Orders {
  @Get()
  @WithAdvisoryLock('order', { connection: 'archive' })
  async pay(): Promise<void> {}
}

/** Like a `DataSource`, of a server that is never asked. */
function dataSourceOf(type: string): object {
  return { options: { type }, createQueryRunner: () => undefined };
}

async function failsWith(metadata: ModuleMetadata, ...words: (string | RegExp)[]): Promise<void> {
  const { message } = await bootstrapError(metadata);
  for (const word of words) expect(message).toMatch(word);
}

describe('the bootstrap fails', () => {
  it('without the module, and says which class needs what', async () => {
    await failsWith(
      { imports: [postgres(database)], providers: [Reports] },
      'Reports',
      'AdvisoryLockModule.forRoot()',
    );
  });

  it('without the module of that name, and says which controller needs what', async () => {
    await failsWith(lockedApp(database, { controllers: [Orders] }), 'Orders', 'forRoot({ name: "archive" })');
  });

  it('without the module of that name for an object that a factory made', async () => {
    await failsWith(
      lockedApp(database, { providers: [{ provide: 'made', useFactory: () => new Orders() }] }),
      'Orders',
      'forRoot({ name: "archive" })',
    );
  });

  it('without a data source', async () => {
    await failsWith({ imports: [AdvisoryLockModule.forRoot()] }, 'no default data source', 'TypeOrmModule');
  });

  it('without the data source of that name', async () => {
    await failsWith(
      { imports: [postgres(database), AdvisoryLockModule.forRoot({ dataSource: 'archive' })] },
      'no data source "archive"',
    );
  });

  it('when the token of a data source provides something else', async () => {
    await failsWith(
      {
        imports: [AdvisoryLockModule.forRoot({ dataSource: 'clock' })],
        providers: [{ provide: 'clock', useValue: { now: 1 } }],
      },
      'no data source "clock"',
    );
  });

  it.each(['mysql', 'better-sqlite3', 'cockroachdb', 'aurora-postgres'])(
    'with a data source of the type %s, and names it',
    async (type) => {
      await failsWith(
        {
          imports: [AdvisoryLockModule.forRoot({ name: 'locks', dataSource: 'warehouse' })],
          providers: [{ provide: 'warehouse', useValue: dataSourceOf(type) }],
        },
        `"${type}"`,
        'postgres',
        'warehouse',
      );
    },
  );

  it('with a default data source that is not Postgres', async () => {
    await failsWith(
      {
        imports: [AdvisoryLockModule.forRoot()],
        providers: [{ provide: DataSource, useValue: dataSourceOf('mysql') }],
      },
      '"mysql"',
      'default',
    );
  });

  it.each([
    ['namespaces', { namespaces: 'shop' }],
    ['namespace', { namespace: '' }],
    ['namespace', { namespace: 7 }],
    ['keyScheme', { keyScheme: 'sha1' }],
    ['keyScheme', { keyScheme: 'toString' }],
    ['shutdownTimeoutMs', { shutdownTimeoutMs: -1 }],
    ['shutdownTimeoutMs', { shutdownTimeoutMs: '5' }],
    ['shutdownTimeoutMs', { shutdownTimeoutMs: Infinity }],
    ['httpStatus', { httpStatus: 500 }],
    ['exposeLockName', { exposeLockName: 1 }],
    ['connectionOptions', { connectionOptions: 'postgres://' }],
    ['dataSource', { dataSource: 7 }],
    ['heartbeatMs', { heartbeatMs: 0 }],
    ['heartbeatMs', { heartbeatMs: Infinity }],
    ['lostAfterMs', { lostAfterMs: '8s' }],
    ['lostAfterMs', { lostAfterMs: 2_000 }],
    ['heartbeatMs', { heartbeatMs: 8_000 }],
    ['frozenAfterMs', { frozenAfterMs: 8_000 }],
    ['pooler', { pooler: 'session' }],
  ])('with the option %s of %p, and says so', async (option, options) => {
    const given = options as object;
    for (const locks of [
      AdvisoryLockModule.forRoot(given),
      AdvisoryLockModule.forRootAsync({ useFactory: () => given }),
    ]) {
      const error = await bootstrapError({ imports: [postgres(database), locks] });
      expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
      expect(error.message).toContain(`\`${option}\``);
    }
  });

  it('when a factory returns no options, and says so', async () => {
    const error = await bootstrapError({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRootAsync({ useFactory: () => undefined as unknown as object }),
      ],
    });
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
  });
});

describe.each([
  ['@ExclusiveCron', ExclusiveCron(NEVER)],
  ['@ExclusiveInterval', ExclusiveInterval(LATER_MS)],
  ['@ExclusiveTimeout', ExclusiveTimeout(LATER_MS)],
])('the bootstrap fails for a job with %s that would never run', (name, Exclusive) => {
  const fails = async (job: new () => object, ...words: (string | RegExp)[]): Promise<void> => {
    await failsWith(lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [job] }), ...words);
  };

  it.each([
    ['request-scoped', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ])('in a %s provider', async (_, scope) => {
    @Injectable({ scope })
    class Nightly {
      @Exclusive
      async run(): Promise<void> {}
    }
    await fails(Nightly, `${name} on Nightly.run`, /request-scoped or transient/);
  });

  it('in a provider that depends on a request-scoped one', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {}
    @Injectable()
    class Nightly {
      constructor(readonly tenant: Tenant) {}

      @Exclusive
      async run(): Promise<void> {}
    }
    await failsWith(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Tenant, Nightly] }),
      'Nightly.run',
    );
  });

  it('under a decorator that forgets its metadata', async () => {
    @Injectable()
    class Nightly {
      @Forgetful()
      @Exclusive
      async run(): Promise<void> {}
    }
    await fails(Nightly, `${name} on Nightly.run`, 'without its metadata', `Put ${name} at the top`);
  });

  it('that a subclass overrides without the decorator', async () => {
    class Nightly {
      @Exclusive
      async run(): Promise<void> {}
    }
    @Injectable()
    class Tonight extends Nightly {
      override async run(): Promise<void> {}
    }
    await fails(Tonight, `${name} on Tonight.run`, 'subclass');
  });

  it('in a class without a name', async () => {
    class Nameless {
      @Exclusive
      async run(): Promise<void> {}
    }
    Object.defineProperty(Nameless, 'name', { value: '' });
    await fails(Nameless, `${name} on run`, 'must have a name, received a class without one');
  });

  it('as its lock has the name of the lock of another job', async () => {
    const jobOf = (token: string) => {
      @Injectable()
      class Nightly {
        @Exclusive
        async run(): Promise<void> {}
      }
      return { provide: token, useClass: Nightly };
    };
    await failsWith(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [jobOf('a'), jobOf('b')] }),
      'Nightly.run',
    );
  });
});

describe('a provider with exclusive jobs that is listed in two modules', () => {
  it('is refused, and the message says to export it from one of them', async () => {
    @Injectable()
    class Nightly {
      @ExclusiveCron(NEVER)
      async run(): Promise<void> {}
    }
    @Module({ providers: [Nightly] })
    class First {}
    @Module({ providers: [Nightly] })
    class Second {}
    const { message } = await bootstrapError(
      lockedApp(database, { imports: [ScheduleModule.forRoot(), First, Second] }),
    );
    expect(message).toBe(
      'The class Nightly must be provided once, as it has exclusive jobs, received two objects of ' +
        'it: the job Nightly.run would have two timers in this instance, and one would be skipped ' +
        'while the other runs. Export the provider from one module, and import that module in the ' +
        'other. For two jobs, use two classes.',
    );
  });
});

describe('a lock that is asked for in a constructor', () => {
  @Injectable()
  class Eager {
    readonly locked: Promise<unknown>;

    constructor(locks: AdvisoryLockService) {
      this.locked = locks.withLock('early', () => 'locked').catch((error: unknown) => error);
    }
  }

  it.each([
    ['the default data source', undefined],
    ['the data source "archive"', 'archive'],
  ])('rejects, and says that %s is not there yet', async (which, name) => {
    const { app } = await start({
      imports: [
        postgres(database, name),
        AdvisoryLockModule.forRoot(name === undefined ? {} : { dataSource: name }),
      ],
      providers: [Eager],
    });
    expect(await app.get(Eager).locked).toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message:
        `A lock needs ${which} of this application, which is not initialized yet. It is too early ` +
        'for locks in a constructor or a provider factory: take them from onModuleInit() on.',
    });
  });

  it('is not reported as too early where no data source exists', async () => {
    const { message } = await bootstrapError({ imports: [AdvisoryLockModule.forRoot()], providers: [Eager] });
    expect(message).toContain('no default data source');
    expect(message).not.toContain('too early');
  });
});

describe('jobs that @nestjs/schedule does not start', () => {
  @Injectable()
  class Nightly {
    @ExclusiveCron(NEVER)
    async run(): Promise<void> {}

    @ExclusiveCron(NEVER, { disabled: true })
    async off(): Promise<void> {}

    @ExclusiveInterval(LATER_MS)
    async poll(): Promise<void> {}

    @ExclusiveTimeout(LATER_MS)
    async warmUp(): Promise<void> {}
  }

  const linesOf = async (schedule: DynamicModule): Promise<string[]> => {
    const { log } = await start({
      imports: [
        postgres(database),
        schedule,
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'second' }),
      ],
      providers: [Nightly],
    });
    return log.matching(/not run in this instance/);
  };

  it.each([
    ['cronJobs', 'Nightly.run (`cronJobs: false`), Nightly.off (`cronJobs: false`)'],
    ['intervals', 'Nightly.off (`disabled: true`), Nightly.poll (`intervals: false`)'],
    ['timeouts', 'Nightly.off (`disabled: true`), Nightly.warmUp (`timeouts: false`)'],
  ])('are named with the reason in one line: %s of ScheduleModule', async (option, jobs) => {
    const line = `log [AdvisoryLock] These jobs do not run in this instance: ${jobs}.`;
    expect(await linesOf(ScheduleModule.forRoot({ [option]: false }))).toEqual([line]);
    const useFactory = () => ({ [option]: false });
    expect(await linesOf(ScheduleModule.forRootAsync({ useFactory }))).toEqual([line]);
  });

  it('are named where the decorator says so', async () => {
    expect(await linesOf(ScheduleModule.forRoot())).toEqual([
      'log [AdvisoryLock] These jobs do not run in this instance: Nightly.off (`disabled: true`).',
    ]);
  });

  it('are none where all start', async () => {
    const { log } = await start(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Reports] }),
    );
    expect(log.matching(/not run in this instance/)).toEqual([]);
  });
});

describe('without ScheduleModule', () => {
  it('a warning says, once, that the jobs will not run here', async () => {
    @Injectable()
    class Nightly {
      @ExclusiveCron(NEVER)
      async run(): Promise<void> {}

      @ExclusiveInterval(LATER_MS)
      async poll(): Promise<void> {}
    }
    const { log } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'second' }),
      ],
      providers: [Nightly],
    });
    expect(log.matching(/^warn /)).toEqual([
      expect.stringMatching(
        /@ExclusiveCron on Nightly\.run, @ExclusiveInterval on Nightly\.poll .*ScheduleModule/,
      ),
    ]);
  });
});
