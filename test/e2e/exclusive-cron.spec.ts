import { beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { AdvisoryLockService, type BusyContext, ExclusiveCron } from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { isHeld, lockInOtherSession } from './support/advisory-locks.js';
import { bootstrapError, lockedApp, type StartedApp, start } from './support/applications.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const NEVER = '0 0 29 2 *';
const supplied: BusyContext[] = [];

@Injectable()
class Jobs {
  ran: string[] = [];
  gate: Gate | undefined;

  constructor(private readonly locks: AdvisoryLockService) {}

  @ExclusiveCron(NEVER, { name: 'daily', waitForCompletion: true })
  async daily(): Promise<void> {
    this.ran.push(`daily ${await isHeld(database, 'Jobs.daily')} ${this.locks.current()?.name}`);
    await this.gate?.pass();
  }

  @ExclusiveCron(NEVER, { name: 'named', lock: 'a lock of its own', waitForCompletion: true })
  async named(): Promise<void> {
    this.ran.push(`named ${await isHeld(database, 'a lock of its own')}`);
  }

  @ExclusiveCron(NEVER, { name: 'joining', lock: 'joined', reentry: 'join', waitForCompletion: true })
  async joining(): Promise<string> {
    return Promise.resolve('joined');
  }

  @ExclusiveCron(NEVER, { name: 'numbered', lock: 42, waitForCompletion: true })
  async numbered(): Promise<void> {
    this.locks.assertHeld(42);
    this.ran.push('numbered');
    return Promise.resolve();
  }

  @ExclusiveCron(NEVER, {
    name: 'supplied',
    waitForCompletion: true,
    onBusy: (context) => supplied.push(context),
  })
  async supplied(): Promise<void> {}

  @ExclusiveCron(NEVER, { name: 'loud', onBusy: 'throw', waitForCompletion: true })
  async loud(): Promise<void> {}

  @ExclusiveCron(NEVER, { name: 'failing', waitForCompletion: true })
  async failing(): Promise<void> {
    return Promise.reject(new Error('the report is empty'));
  }

  @ExclusiveCron('0 3 * * *', {
    name: 'all options',
    timeZone: 'Asia/Tokyo',
    disabled: true,
    waitForCompletion: true,
    threshold: 77,
    unrefTimeout: true,
  })
  async allOptions(): Promise<void> {}

  @ExclusiveCron('0 3 * * *', { name: 'utcOffset', utcOffset: 90 })
  async utcOffset(): Promise<void> {}

  @ExclusiveCron('* * * * * *', { name: 'delayed', initialDelay: 600_000 })
  async delayed(): Promise<void> {}

  @ExclusiveCron(new Date(Date.now() + 1_000_000), { name: 'dated' })
  async dated(): Promise<void> {}

  @ExclusiveCron(NEVER)
  async unnamed(): Promise<void> {}
}

const metadata = () => lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Jobs] });

describe('an exclusive cron job', () => {
  let started: StartedApp;
  let jobs: Jobs;
  let scheduler: SchedulerRegistry;

  beforeAll(async () => {
    started = await start(metadata());
    jobs = started.app.get(Jobs);
    scheduler = started.app.get(SchedulerRegistry);
  });

  it('runs inside the lock of its class and method', async () => {
    jobs.ran = [];
    await scheduler.getCronJob('daily').fireOnTick();
    expect(jobs.ran).toEqual(['daily true Jobs.daily']);
    expect(await isHeld(database, 'Jobs.daily')).toBe(false);
  });

  it('runs inside a lock of any other name', async () => {
    jobs.ran = [];
    await scheduler.getCronJob('named').fireOnTick();
    await scheduler.getCronJob('numbered').fireOnTick();
    expect(jobs.ran).toEqual(['named true', 'numbered']);
  });

  it('is skipped with a line at debug level, and none at any other, while the lock is held', async () => {
    jobs.ran = [];
    started.log.lines.length = 0;
    await lockInOtherSession(database, 'Jobs.daily');
    await scheduler.getCronJob('daily').fireOnTick();
    expect(jobs.ran).toEqual([]);
    expect(started.log.lines).toEqual([
      'debug [AdvisoryLock] Skipped Jobs.daily: lock "Jobs.daily" is held by another holder',
    ]);
  });

  it('asks the onBusy function, when there is one', async () => {
    await lockInOtherSession(database, 'Jobs.supplied');
    await scheduler.getCronJob('supplied').fireOnTick();
    expect(supplied).toMatchObject([{ lockName: 'Jobs.supplied', methodName: 'supplied', args: [] }]);
  });

  it('is an error in the log with onBusy throw, if one wants that', async () => {
    started.log.lines.length = 0;
    await lockInOtherSession(database, 'Jobs.loud');
    await scheduler.getCronJob('loud').fireOnTick();
    expect(started.log.matching(/^error .*LockUnavailableError.*Jobs\.loud/)).toHaveLength(1);
  });

  it('leaves what it throws to the scheduler, and its lock is free', async () => {
    started.log.lines.length = 0;
    await scheduler.getCronJob('failing').fireOnTick();
    expect(started.log.matching(/^error .*the report is empty/)).toHaveLength(1);
    expect(await isHeld(database, 'Jobs.failing')).toBe(false);
  });

  it('can be called by hand, and is excluded all the same', async () => {
    jobs.ran = [];
    await jobs.daily();
    await lockInOtherSession(database, 'Jobs.daily');
    await jobs.daily();
    expect(jobs.ran).toHaveLength(1);
  });

  it('that is called by hand inside its own lock is refused, unless it joins', async () => {
    const locks = started.app.get(AdvisoryLockService);
    await locks.withLock('Jobs.daily', () =>
      expect(jobs.daily()).rejects.toMatchObject({ code: 'LOCK_REENTERED', requestedBy: 'Jobs.daily' }),
    );
    expect(await locks.withLock('joined', () => jobs.joining())).toBe('joined');
  });

  it('has all the options of @Cron', () => {
    const all = scheduler.getCronJob('all options');
    expect(all).toMatchObject({
      isActive: false,
      waitForCompletion: true,
      threshold: 77,
      unrefTimeout: true,
    });
    expect(all.cronTime.timeZone).toBe('Asia/Tokyo');
    expect(all.nextDate().toUTC().hour).toBe(18);
    const offset = scheduler.getCronJob('utcOffset');
    expect(offset.nextDate().toUTC().toFormat('HH:mm')).toBe('01:30');
    expect(offset.isActive).toBe(true);
    expect(scheduler.getCronJob('delayed').isActive).toBe(false);
    expect(scheduler.getCronJob('dated').cronTime.realDate).toBe(true);
    expect(scheduler.getCronJobs().size).toBe(12);
  });
});

describe('an exclusive cron job in two instances', () => {
  it('runs in exactly one of them when both timers fire at once', async () => {
    const instances = await Promise.all([start(metadata()), start(metadata())]);
    const jobs = instances.map(({ app }) => app.get(Jobs));
    const gate = new Gate();
    for (const job of jobs) job.gate = gate;

    const ticks = instances.map(({ app }) => app.get(SchedulerRegistry).getCronJob('daily').fireOnTick());
    await gate.reached;
    const skips = () => instances.flatMap(({ log }) => log.matching(/^debug .*Skipped Jobs\.daily/));
    await until(() => skips().length === 1, 'the other to skip');
    gate.open();
    await Promise.all(ticks);

    expect(jobs.flatMap(({ ran }) => ran)).toHaveLength(1);
    expect(skips()).toHaveLength(1);
  });
});

describe('@ExclusiveCron', () => {
  it('is refused twice on one method, by its name', () => {
    expect(() => {
      class Twice {
        @ExclusiveCron(NEVER)
        @ExclusiveCron('0 3 * * *')
        async run(): Promise<void> {}
      }
      return Twice;
    }).toThrow(/Twice\.run must have one schedule, received a second one/);
  });

  it('does not lose its schedule to a @Cron above it in silence', async () => {
    class Mixed {
      @Cron(NEVER)
      @ExclusiveCron('0 3 * * *')
      async run(): Promise<void> {}
    }
    const error = await bootstrapError(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Mixed] }),
    );
    expect(error.message).toContain('Mixed.run');
  });

  it('does not take the schedule of a @Cron below it away in silence', () => {
    expect(() => {
      class Mixed {
        @ExclusiveCron('0 3 * * *')
        @Cron(NEVER)
        async run(): Promise<void> {}
      }
      return Mixed;
    }).toThrow('Mixed.run');
  });

  it.each([
    ['onBusy', { onBusy: 'ignore' }],
    ['connection', { connection: '' }],
    ['lock', { lock: '' }],
    ['lock', { lock: 0.5 }],
  ])('refuses the option %s when it is wrong: %p', (option, options) => {
    expect(() => ExclusiveCron(NEVER, options as object)).toThrow(option);
  });
});
