import { describe, expect, it } from '@jest/globals';
import { Injectable, Module, type Provider, type Type } from '@nestjs/common';
import { ScheduleModule, type ScheduleModuleOptions, SchedulerRegistry } from '@nestjs/schedule';
import {
  AdvisoryLockEvents,
  AdvisoryLockService,
  currentTick,
  ExclusiveCron,
  ExclusiveInterval,
  ExclusiveTimeout,
  OnLeadership,
} from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { isHeld } from './support/advisory-locks.js';
import { bootstrapError, lockedApp, start } from './support/applications.js';

const database = useTestDatabase({ connectionsMayStay: true });

const EVERY_SECOND = '* * * * * *';
const NEVER = '0 0 29 2 *';

/** As a package of others brings its own. */
function library(options?: ScheduleModuleOptions): Type {
  @Module({ imports: [ScheduleModule.forRoot(options)] })
  class Library {}
  return Library;
}

const withTwo = (providers: Type[], one?: ScheduleModuleOptions, other?: ScheduleModuleOptions) =>
  lockedApp(database, { imports: [ScheduleModule.forRoot(one), library(other)], providers });
const withOne = (providers: Provider[], options?: ScheduleModuleOptions) =>
  lockedApp(database, { imports: [ScheduleModule.forRoot(options)], providers });

describe('a job with two schedulers', () => {
  it('runs once a tick, in every mode, and may be called by hand', async () => {
    @Injectable()
    class Jobs {
      readonly runs: string[] = [];

      @ExclusiveCron(EVERY_SECOND, { name: 'claimed' })
      async claimed(): Promise<void> {
        return this.note('claimed');
      }

      @ExclusiveCron(EVERY_SECOND, { tick: 'none' })
      async plain(): Promise<void> {
        return this.note('plain');
      }

      private note(name: string): Promise<void> {
        this.runs.push(`${name} ${currentTick()?.at.toISOString() ?? 'by hand'}`);
        return Promise.resolve();
      }
    }
    const { app } = await start(withTwo([Jobs]));
    expect(app.get(SchedulerRegistry, { strict: false, each: true })).toHaveLength(2);
    const { runs } = app.get(Jobs);
    const skips: string[] = [];
    app.get(AdvisoryLockEvents).on('skipped', ({ method, reason }) => skips.push(`${method} ${reason}`));
    const count = (name: string): number => runs.filter((run) => run.startsWith(name)).length;
    await until(() => count('claimed') >= 2 && count('plain') >= 2, 'two runs of each');
    await app.get(Jobs).plain();
    await app.get(SchedulerRegistry).getCronJob('claimed').fireOnTick();
    await until(() => count('claimed by hand') === 1, 'the run by hand');
    expect(count('plain by hand')).toBe(1);
    expect(runs.filter((run, index) => runs.indexOf(run) !== index)).toEqual([]);
    expect(skips).toEqual(expect.arrayContaining(['Jobs.claimed no-tick', 'Jobs.plain no-tick']));
  });

  it('has one run of a timeout, and at most one of an interval in a period', async () => {
    @Injectable()
    class Jobs {
      timeouts = 0;
      readonly periods: (string | undefined)[] = [];

      @ExclusiveTimeout(5)
      async once(): Promise<void> {
        this.timeouts += 1;
        return Promise.resolve();
      }

      @ExclusiveInterval(300)
      async often(): Promise<void> {
        this.periods.push(currentTick()?.at.toISOString());
        return Promise.resolve();
      }
    }
    const { app, log } = await start(withTwo([Jobs]));
    const jobs = app.get(Jobs);
    await until(() => jobs.periods.length >= 3, 'three periods');
    await until(
      () => log.matching(/Skipped Jobs\.once: its timer has fired/).length === 1,
      'the second timer',
    );
    expect(jobs.periods).not.toContain(undefined);
    expect(new Set(jobs.periods).size).toBe(jobs.periods.length);
    expect(jobs.timeouts).toBe(1);
    await jobs.once();
    expect(jobs.timeouts).toBe(2);
  });

  it('is refused where a timer looks like a call by hand', async () => {
    /** Of another copy of @nestjs/schedule, whose registry has another class. */
    class ScheduleExplorer {
      readonly schedulerOrchestrator = {};
      explore(): void {}
    }
    @Injectable()
    class Jobs {
      @ExclusiveCron(NEVER)
      async run(): Promise<void> {}
    }
    const error = await bootstrapError(withOne([Jobs, ScheduleExplorer]));
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(error.message).toMatch(/received 2 modules and 1 of these.*Install one copy of @nestjs\/schedule/);
  });
});

describe('the leader of a job', () => {
  @Injectable()
  class Jobs {
    @ExclusiveCron(NEVER, { leader: 'feed' })
    async run(): Promise<void> {}
  }
  @Injectable()
  class Disabled {
    @ExclusiveCron(NEVER, { leader: 'feed', disabled: true })
    async run(): Promise<void> {}
  }
  @Injectable()
  class Feed {
    @OnLeadership('feed')
    async lead(signal: AbortSignal): Promise<void> {
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
    }
  }

  const off = { cronJobs: false };

  it.each([
    ['cronJobs: false', withOne([Jobs], off)],
    ['cronJobs: false in both modules', withTwo([Jobs], off, off)],
    ['disabled: true', withOne([Disabled])],
  ])('is not in an instance with %s', async (_, metadata) => {
    const { app } = await start(metadata);
    // It campaigns, or not, when the application starts; another lock is taken after that.
    await app.get(AdvisoryLockService).withLock('another', () => undefined);
    expect(await database.advisoryLocks()).toEqual([]);
  });

  it.each([
    ['one of two modules runs its timer', withTwo([Jobs], off)],
    ['a method needs the leadership', withOne([Jobs, Feed], off)],
    ['another job needs it', withOne([Jobs, Disabled])],
  ])('may be in an instance where %s', async (_, metadata) => {
    await start(metadata);
    await until(() => isHeld(database, 'feed'), 'the leadership');
  });
});

describe('a job that cannot be scheduled', () => {
  it.each<[string, Parameters<typeof ExclusiveCron>, RegExp]>([
    ['an expression', ['0 25 * * *'], /must have 0 to 23 in the field hour.* received "0 25 \* \* \*"/],
    ['a day that never comes', ['0 0 30 2 *'], /must name a day that comes, received "0 0 30 2 \*"/],
    ['a zone', ['0 3 * * *', { timeZone: 'Europe/Atlantis' }], /time zone must be one .*"Europe\/Atlantis"/],
    ['two zones', ['0 3 * * *', { timeZone: 'UTC', utcOffset: 0 } as never], /received both/],
    ['a date', [new Date('2020-01-01T00:00:00Z')], /in the future, received 2020-01-01T00:00:00\.000Z/],
  ])('is refused with its name: %s', async (_, [expression, options], message) => {
    @Injectable()
    class Reports {
      @ExclusiveCron(expression, options)
      async nightly(): Promise<void> {}
    }
    const error = await bootstrapError(withOne([Reports]));
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(error.message).toMatch(/^@ExclusiveCron on Reports\.nightly cannot be scheduled\. /);
    expect(error.message).toMatch(message);
  });

  it('is refused by exclusiveJob(), too', async () => {
    const { app } = await start(withOne([]));
    const made = app.get(AdvisoryLockService).exclusiveJob('invoices', '* * * *', () => undefined);
    await expect(made).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
      message: expect.stringContaining('The job "invoices" cannot be scheduled.') as unknown,
    });
  });

  it('may have any expression where no timer is set', async () => {
    @Injectable()
    class Reports {
      @ExclusiveCron('off')
      async nightly(): Promise<void> {}
    }
    await start(withOne([Reports], { cronJobs: false }));
  });
});

describe('a provider with an alias, for which the scheduler makes two timers', () => {
  it('runs each job once a tick', async () => {
    @Injectable()
    class Jobs {
      readonly ticks: (string | undefined)[] = [];
      timeouts = 0;

      @ExclusiveCron(EVERY_SECOND)
      async often(): Promise<void> {
        this.ticks.push(currentTick()?.at.toISOString());
        return Promise.resolve();
      }

      @ExclusiveTimeout(5)
      async once(): Promise<void> {
        this.timeouts += 1;
        return Promise.resolve();
      }
    }
    const { app } = await start(withOne([Jobs, { provide: 'an alias', useExisting: Jobs }]));
    expect(app.get(SchedulerRegistry).getCronJobs().size).toBe(2);
    const jobs = app.get(Jobs);
    await until(() => jobs.ticks.length >= 3, 'three ticks');
    expect(jobs.ticks).not.toContain(undefined);
    expect(new Set(jobs.ticks).size).toBe(jobs.ticks.length);
    expect(jobs.timeouts).toBe(1);
  });
});

describe('a class that is provided twice', () => {
  it('is refused, also when its job sets the lock', async () => {
    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER, { lock: 'reports' })
      async nightly(): Promise<void> {}
    }
    @Module({ providers: [Reports] })
    class Other {}
    const error = await bootstrapError(
      lockedApp(database, { imports: [ScheduleModule.forRoot(), Other], providers: [Reports] }),
    );
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(error.message).toContain('The class Reports must be provided once');
  });
});
