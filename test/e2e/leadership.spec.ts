import { describe, expect, it } from '@jest/globals';
import { Injectable, type ModuleMetadata, Scope, type Type } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import {
  AdvisoryLockModule,
  AdvisoryLockService,
  ExclusiveCron,
  OnLeadership,
  OnLeadershipEnd,
} from 'nestjs-advisory-lock';
import { once } from 'node:events';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { isHeld } from './support/advisory-locks.js';
import { bootstrapError, lockedApp, postgres, start, type StartedApp } from './support/applications.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const NEVER = '0 0 29 2 *';

const withProviders = (...providers: Type[]): ModuleMetadata => lockedApp(database, { providers });
const withJobs = (...providers: Type[]): ModuleMetadata =>
  lockedApp(database, { imports: [ScheduleModule.forRoot()], providers });

const untilLeader = ({ app }: StartedApp, name: string) =>
  until(() => app.get(AdvisoryLockService).isLeader(name), `it leads ${name}`);

const untilQueued = () =>
  until(async () => (await database.advisoryLocks()).some(({ granted }) => !granted), 'a candidate waits');

describe('the methods of a leadership', () => {
  it('are called as a pair, and the next leader begins when the end of the last one is through', async () => {
    const events: string[] = [];
    const gate = new Gate();

    @Injectable()
    class Feed {
      @OnLeadership('feed')
      async begin(signal: AbortSignal): Promise<void> {
        events.push(`begins ${signal.aborted}`);
        return Promise.resolve();
      }

      @OnLeadershipEnd('feed')
      async end(signal: AbortSignal): Promise<void> {
        events.push(`ends ${signal.aborted}`);
        await gate.pass();
        events.push('has ended');
      }
    }
    const first = await start(withProviders(Feed));
    await untilLeader(first, 'feed');
    const second = await start(withProviders(Feed));
    await untilQueued();
    expect(events).toEqual(['begins false']);

    const closed = first.app.close();
    await gate.reached;
    expect(await isHeld(database, 'feed')).toBe(true);
    gate.open();
    await closed;
    await untilLeader(second, 'feed');
    await second.app.close();
    const term = ['begins false', 'ends true', 'has ended'];
    expect(events).toEqual([...term, ...term]);
    expect(await isHeld(database, 'feed')).toBe(false);
  });

  it('are called again after a loss, the end only when the beginning has settled', async () => {
    const events: string[] = [];
    const gate = new Gate();

    @Injectable()
    class Feed {
      @OnLeadership('feed')
      async begin(signal: AbortSignal): Promise<void> {
        events.push('begins');
        if (events.length > 1) return;
        await once(signal, 'abort');
        events.push((signal.reason as { code: string }).code);
        await gate.pass();
        events.push('settles');
      }

      @OnLeadershipEnd('feed')
      end(): void {
        events.push('ends');
      }
    }
    const { app } = await start(withProviders(Feed));
    await until(() => events.length > 0, 'it begins');
    await terminateHolders(database);
    await gate.reached;
    gate.open();
    await until(() => events.length === 5, 'it begins again');
    expect(events).toEqual(['begins', 'LOCK_LOST', 'settles', 'ends', 'begins']);
    await app.close();
    expect(events.at(-1)).toBe('ends');
  });

  it('of one name are ended together when one fails, and others lead', async () => {
    const events: string[] = [];
    let isBroken = true;

    @Injectable()
    class Sound {
      @OnLeadership('feed')
      async follow(signal: AbortSignal): Promise<void> {
        events.push('follows');
        await once(signal, 'abort');
        events.push('stops');
      }

      @OnLeadershipEnd('feed')
      end(): void {
        events.push('ends');
      }
    }
    @Injectable()
    class Broken {
      @OnLeadership('feed')
      async begin(): Promise<void> {
        return isBroken ? Promise.reject(new Error('the feed is broken')) : Promise.resolve();
      }
    }
    const { app, log } = await start(withProviders(Sound, Broken));
    await until(() => log.matching(/^error .*the feed is broken/).length === 1, 'a failure');
    isBroken = false;
    await until(() => app.get(AdvisoryLockService).isLeader('feed') && events.length === 4, 'it leads');
    expect(events).toEqual(['follows', 'stops', 'ends', 'follows']);
    await app.close();
    expect(log.matching(/^error /)).toHaveLength(1);
  });

  it('are found once in subclasses, factories and controllers, by module and name', async () => {
    const called: string[] = [];

    class Base {
      @OnLeadership('feed')
      begin(): void {
        called.push(this.constructor.name);
      }
    }
    @Injectable()
    class Derived extends Base {
      @OnLeadership('feed')
      override begin(): void {
        super.begin();
      }
    }
    class ByHand extends Base {}
    @Injectable()
    class Archive {
      @OnLeadership(42, { connection: 'archive' })
      @OnLeadership('archive', { connection: 'archive' })
      begin(): void {
        called.push('Archive');
      }
    }
    const { app } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'archive', namespace: 'archive' }),
      ],
      providers: [
        Derived,
        { provide: 'alias', useExisting: Derived },
        { provide: 'by hand', useFactory: () => new ByHand() },
        Archive,
      ],
    });
    await until(() => called.length >= 4, 'all begin');
    expect(await isHeld(database, 'feed')).toBe(true);
    expect(await isHeld(database, 'archive:archive')).toBe(true);
    await app.close();
    expect(called.sort()).toEqual(['Archive', 'Archive', 'ByHand', 'Derived']);
  });

  it('are not called before the application has started', async () => {
    const events: string[] = [];

    @Injectable()
    class Feed {
      async onModuleInit(): Promise<void> {
        await until(() => true, 'a while');
        events.push('initialised');
      }

      @OnLeadership('feed')
      begin(): void {
        events.push('begins');
      }
    }
    await start(withProviders(Feed));
    await until(() => events.length === 2, 'it begins');
    expect(events).toEqual(['initialised', 'begins']);
  });

  it.each([
    ['request-scoped', Scope.REQUEST],
    ['transient', Scope.TRANSIENT],
  ])('are refused in a %s provider', async (_, scope) => {
    @Injectable({ scope })
    class Feed {
      @OnLeadershipEnd('feed')
      end(): void {
        return;
      }
    }
    const error = await bootstrapError(withProviders(Feed));
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(error.message).toMatch(/@OnLeadershipEnd on Feed\.end would never be called: .*request-scoped/);
  });

  it('are refused without their module', async () => {
    @Injectable()
    class Feed {
      @OnLeadership('feed', { connection: 'reporting' })
      begin(): void {
        return;
      }
    }
    const error = await bootstrapError(withProviders(Feed));
    expect(error.message).toContain('AdvisoryLockModule.forRoot({ name: "reporting" })');
  });

  it.each<[string, object, string]>([
    ['', {}, 'lock name'],
    ['feed', { connection: '' }, '`connection`'],
    ['feed', { waitMs: 5 }, '`waitMs`'],
  ])('are refused for the name %j with %j', (name, options, message) => {
    expect(() => OnLeadership(name, options)).toThrow(message);
    expect(() => OnLeadershipEnd(name, options)).toThrow(message);
  });

  it('are refused when they are static', () => {
    expect(() => {
      class Feed {
        readonly name = 'feed';

        @OnLeadership('feed')
        static begin(): void {
          return;
        }
      }
      return Feed;
    }).toThrow('received Feed.begin, which is static');
  });
});

describe('jobs with a leader', () => {
  @Injectable()
  class Reports {
    ran: string[] = [];

    @ExclusiveCron(NEVER, { name: 'daily', leader: 'reports', waitForCompletion: true })
    async daily(): Promise<void> {
      this.ran.push(`daily ${await isHeld(database, 'Reports.daily')}`);
    }

    @ExclusiveCron(NEVER, { name: 'weekly', leader: 'reports', waitForCompletion: true })
    async weekly(): Promise<void> {
      this.ran.push('weekly');
      return Promise.resolve();
    }
  }

  const fire = async ({ app }: StartedApp): Promise<string[]> => {
    const reports = app.get(Reports);
    reports.ran = [];
    for (const job of ['daily', 'weekly']) await app.get(SchedulerRegistry).getCronJob(job).fireOnTick();
    return reports.ran;
  };

  it('run in the leader, with one campaign for all, and in another instance after it has ended', async () => {
    const first = await start(withJobs(Reports));
    await untilLeader(first, 'reports');
    const second = await start(withJobs(Reports));
    await untilQueued();
    expect(await database.advisoryLocks()).toHaveLength(2);
    second.log.lines.length = 0;

    expect(await fire(second)).toEqual([]);
    expect(second.log.lines).toEqual([
      'debug [AdvisoryLock] Skipped Reports.daily: this instance does not lead "reports"',
      'debug [AdvisoryLock] Skipped Reports.weekly: this instance does not lead "reports"',
    ]);
    expect(await fire(first)).toEqual(['daily true', 'weekly']);

    await first.app.close();
    await untilLeader(second, 'reports');
    expect(await fire(second)).toEqual(['daily true', 'weekly']);
    await second.app.close();
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('let no instance without a scheduler lead', async () => {
    const { app } = await start(withProviders(Reports));
    // It campaigns, or not, when the application starts; another lock is taken after that.
    await app.get(AdvisoryLockService).withLock('another', () => undefined);
    expect(await isHeld(database, 'reports')).toBe(false);
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it('are refused when their own lock is that of the leader', async () => {
    @Injectable()
    class Nightly {
      @ExclusiveCron(NEVER, { leader: 'Nightly.run' })
      async run(): Promise<void> {}
    }
    const error = await bootstrapError(withJobs(Nightly));
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(error.message).toMatch(/Nightly\.run would never run: its lock and its leader/);
  });

  it('are refused for what is no name', () => {
    expect(() => ExclusiveCron(NEVER, { leader: '' })).toThrow('`leader`');
  });
});
