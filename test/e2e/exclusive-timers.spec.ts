import { describe, expect, it } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import { Cron, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import {
  AdvisoryLockModule,
  AdvisoryLockService,
  type BusyContext,
  ExclusiveCron,
  ExclusiveInterval,
  ExclusiveTimeout,
} from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { isHeld, lockInOtherSession, unlockInOtherSession } from './support/advisory-locks.js';
import { bootstrapError, lockedApp, postgres, start, type StartedApp } from './support/applications.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const NEVER = '0 0 29 2 *';
const LATER_MS = 3_600_000;
const SOON_MS = 5;

const withJobs = (...jobs: Type[]) =>
  lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: jobs });

const linesOfLocks = ({ log }: StartedApp) => log.matching(/\[AdvisoryLock\]/);

/** Starts two instances of a job at once, as two processes of a fleet would be. */
async function startTwo<Job>(job: Type<Job>): Promise<Job[]> {
  const instances = await Promise.all([start(withJobs(job)), start(withJobs(job))]);
  return instances.map(({ app }) => app.get(job));
}

describe('an exclusive interval', () => {
  it('runs again and again, inside the lock of its class and method, and of any other name', async () => {
    @Injectable()
    class Poller {
      ran: string[] = [];
      constructor(private readonly locks: AdvisoryLockService) {}

      @ExclusiveInterval(SOON_MS)
      async poll(): Promise<void> {
        this.ran.push(`${this.locks.current()?.name} ${await isHeld(database, 'Poller.poll')}`);
      }

      @ExclusiveInterval('named', SOON_MS, { lock: 'a lock of its own' })
      async named(): Promise<void> {
        this.ran.push(`${this.locks.current()?.name} ${await isHeld(database, 'a lock of its own')}`);
      }
    }
    const { app } = await start(withJobs(Poller));
    const { ran } = app.get(Poller);
    const runs = ['Poller.poll true', 'a lock of its own true'];

    await until(() => runs.every((run) => ran.filter((one) => one === run).length > 1), 'two runs of each');
    await app.close();

    expect([...new Set(ran)].sort()).toEqual(runs);
    expect(await isHeld(database, 'Poller.poll')).toBe(false);
  });

  it('is skipped with one debug line while the lock is held, and runs after that', async () => {
    @Injectable()
    class Poller {
      runs = 0;

      @ExclusiveInterval(SOON_MS)
      async poll(): Promise<void> {
        this.runs += 1;
        return Promise.resolve();
      }
    }
    await lockInOtherSession(database, 'Poller.poll');
    const started = await start(withJobs(Poller));
    const poller = started.app.get(Poller);
    const skipped =
      /^debug \[AdvisoryLock\] Skipped Poller\.poll for \S+Z: lock "Poller\.poll" is held by another holder$/;

    // A late timer may fire twice in one period, whose claim is taken then.
    const skips = () => linesOfLocks(started).filter((line) => !line.endsWith('has claimed that tick'));
    await until(() => skips().length > 1, 'two skips');
    for (const line of skips()) expect(line).toMatch(skipped);
    expect(poller.runs).toBe(0);

    await unlockInOtherSession(database, 'Poller.poll');
    await until(() => poller.runs > 0, 'a run');
  });

  it('runs once at a time in two instances, both of which it is due in while it runs', async () => {
    const busyIn = new Set<object>();
    const gate = new Gate();

    @Injectable()
    class Poller {
      runs = 0;

      @ExclusiveInterval(SOON_MS, { onBusy: ({ instance }) => busyIn.add(instance) })
      async poll(): Promise<void> {
        this.runs += 1;
        await gate.pass();
      }
    }
    const pollers = await startTwo(Poller);
    const runs = () => pollers.map((poller) => poller.runs);

    await gate.reached;
    await until(() => busyIn.size === 2, 'both to find the lock held');
    expect(runs().sort()).toEqual([0, 1]);

    gate.open();
    await until(() => !runs().includes(0), 'a run in each, as their timers are not aligned');
  });

  it('leaves what it throws to the scheduler, and runs again', async () => {
    @Injectable()
    class Poller {
      runs = 0;

      @ExclusiveInterval(SOON_MS)
      async poll(): Promise<void> {
        this.runs += 1;
        return Promise.reject(new Error(`the inbox is away (${this.runs})`));
      }
    }
    const { log } = await start(withJobs(Poller));
    await until(() => log.matching(/^error .*the inbox is away \(2\)/).length === 1, 'a second failure');
  });

  it('is known to the scheduler by its name, and is excluded when it is called by hand, too', async () => {
    @Injectable()
    class Poller {
      runs = 0;

      @ExclusiveInterval('poll', LATER_MS)
      async poll(): Promise<void> {
        this.runs += 1;
        return Promise.resolve();
      }
    }
    const { app } = await start(withJobs(Poller));
    expect(app.get(SchedulerRegistry).getIntervals()).toEqual(['poll']);

    const poller = app.get(Poller);
    await poller.poll();
    await lockInOtherSession(database, 'Poller.poll');
    await poller.poll();
    expect(poller.runs).toBe(1);
  });

  it('is skipped with a line at debug level when the application shuts down', async () => {
    @Injectable()
    class Poller {
      runs = 0;

      @ExclusiveInterval(LATER_MS)
      async poll(): Promise<void> {
        this.runs += 1;
        return Promise.resolve();
      }
    }
    const started = await start(withJobs(Poller));
    const poller = started.app.get(Poller);
    await started.app.close();
    await poller.poll();
    expect(poller.runs).toBe(0);
    expect(linesOfLocks(started)).toEqual([
      'debug [AdvisoryLock] Skipped Poller.poll: the application is shutting down',
    ]);
  });
});

describe('an exclusive timeout', () => {
  it('runs once after the start, inside its lock', async () => {
    @Injectable()
    class Starter {
      ran: boolean[] = [];

      @ExclusiveTimeout('warm up', SOON_MS)
      async warmUp(): Promise<void> {
        this.ran.push(await isHeld(database, 'Starter.warmUp'));
      }
    }
    const { app } = await start(withJobs(Starter));
    const { ran } = app.get(Starter);
    expect(app.get(SchedulerRegistry).getTimeouts()).toEqual(['warm up']);
    await until(() => ran.length > 0, 'a run');
    expect(ran).toEqual([true]);
  });

  it('is skipped with a line at debug level while the lock is held', async () => {
    @Injectable()
    class Starter {
      runs = 0;

      @ExclusiveTimeout(SOON_MS)
      async warmUp(): Promise<void> {
        this.runs += 1;
        return Promise.resolve();
      }
    }
    await lockInOtherSession(database, 'Starter.warmUp');
    const started = await start(withJobs(Starter));
    await until(() => linesOfLocks(started).length > 0, 'a skip');
    expect(linesOfLocks(started)).toEqual([
      'debug [AdvisoryLock] Skipped Starter.warmUp: lock "Starter.warmUp" is held by another holder',
    ]);
    expect(started.app.get(Starter).runs).toBe(0);
  });

  it('runs in one of two instances that are due at once, and calls onBusy in the other', async () => {
    const busy: BusyContext[] = [];
    const gate = new Gate();

    @Injectable()
    class Starter {
      runs = 0;

      @ExclusiveTimeout(SOON_MS, { lock: 42, onBusy: (context) => busy.push(context) })
      async warmUp(): Promise<void> {
        this.runs += 1;
        await gate.pass();
      }
    }
    const starters = await startTwo(Starter);

    await until(() => busy.length > 0, 'one to find the lock held');
    expect(starters.map(({ runs }) => runs).sort()).toEqual([0, 1]);
    expect(busy).toEqual([expect.objectContaining({ lockName: '42', methodName: 'warmUp', args: [] })]);
    expect(busy[0]?.instance).toBe(starters.find(({ runs }) => runs === 0));
    gate.open();
  });

  it('takes the lock of another module, when that is named', async () => {
    @Injectable()
    class Starter {
      ran: boolean[] = [];

      @ExclusiveTimeout(SOON_MS, { connection: 'archive' })
      async warmUp(): Promise<void> {
        this.ran.push(await isHeld(database, 'archive:Starter.warmUp'));
      }
    }
    const { app } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot({ name: 'archive', namespace: 'archive' }),
        ScheduleModule.forRoot(),
      ],
      providers: [Starter],
    });
    const { ran } = app.get(Starter);
    await until(() => ran.length > 0, 'a run');
    expect(ran).toEqual([true]);
  });
});

const ofMs = { ExclusiveInterval, ExclusiveTimeout };

describe.each(['ExclusiveInterval', 'ExclusiveTimeout'] as const)('@%s', (name) => {
  const decorator = ofMs[name];
  const call = decorator as (...args: unknown[]) => unknown;

  it.each([
    ['no number', ['5000'], 'received undefined'],
    ['no number after a name', ['poll', '5000'], 'received the string "5000"'],
    ['nothing', [], 'received undefined'],
    ['NaN', [Number.NaN], 'received the number NaN'],
    ['a fraction', [0.5], 'received the number 0.5'],
    ['no time at all', [0], 'received the number 0'],
    ['a time in the past', [-1], 'received the number -1'],
    ['more than timers can', ['monthly', 2_147_483_648], 'received the number 2147483648'],
  ])('refuses %s, with the range and what it received', (_, args, received) => {
    expect(() => call(...args)).toThrow(received);
    expect(() => call(...args)).toThrow(
      `The time of @${name} must be a whole number of milliseconds from 1 to 2147483647`,
    );
  });

  it.each([1, 2_147_483_647])('takes %d ms', (ms) => {
    expect(() => [decorator(ms), decorator('poll', ms)]).not.toThrow();
  });

  it.each([
    ['onBusy', { onBusy: 'ignore' }],
    ['connection', { connection: '' }],
    ['lock', { lock: '' }],
    ['lok', { lok: 'misspelt' }],
    ['httpStatus', { httpStatus: 409 }],
    ['waitForCompletion', { waitForCompletion: true }],
  ])('refuses the option %s when it is wrong or unknown: %p', (option, options) => {
    expect(() => call(SOON_MS, options)).toThrow(`\`${option}\``);
    expect(() => call('poll', SOON_MS, options)).toThrow(`@${name}`);
  });

  it.each<[string, unknown]>([
    ['itself', decorator(LATER_MS)],
    ['@ExclusiveCron', ExclusiveCron(NEVER)],
    ['@Cron', Cron(NEVER)],
    ['@Interval', Interval(LATER_MS)],
    ['@Timeout', Timeout(LATER_MS)],
  ])('does not take away the schedule of %s below it', (_, below) => {
    expect(() => {
      class Twice {
        @decorator(LATER_MS)
        @(below as MethodDecorator)
        async run(): Promise<void> {}
      }
      return Twice;
    }).toThrow('Twice.run must have one schedule, received a second one');
  });

  it.each([
    ['@Cron', Cron(NEVER)],
    ['@Interval', Interval(LATER_MS)],
    ['@Timeout', Timeout(LATER_MS)],
  ])('does not lose its schedule to %s above it in silence', async (_, above) => {
    class Mixed {
      @above
      @decorator(LATER_MS)
      async run(): Promise<void> {}
    }
    const error = await bootstrapError(withJobs(Mixed));
    expect(error.message).toContain(`@${name} on Mixed.run would never run: another schedule`);
  });
});
