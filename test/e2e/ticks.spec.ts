import { describe, expect, it, jest } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { CronJob, CronTime } from 'cron';
import { currentTick, ExclusiveCron, ExclusiveInterval, type Tick } from 'nestjs-advisory-lock';
import { type FiringTick, FiringTicks, NO_TICK } from '../../lib/jobs/schedule/firing-ticks.js';
import { periodStart } from '../../lib/jobs/schedule/period.js';
import { blockEventLoop } from '../support/block-event-loop.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockedApp, start } from './support/applications.js';

const database = useTestDatabase({ connectionsMayStay: true });

const EVERY_SECOND = '* * * * * *';

const withJobs = (...providers: Type[]) =>
  lockedApp(database, { imports: [ScheduleModule.forRoot()], providers });

const claims = async (): Promise<number> => (await database.advisoryLocks()).length;

describe('the tick that a job runs for', () => {
  it('has the lock name, the due time and the lateness, in all that the job calls', async () => {
    @Injectable()
    class Reports {
      ticks: (Tick | undefined)[] = [];

      @ExclusiveCron(EVERY_SECOND)
      async claimed(): Promise<void> {
        await Promise.resolve();
        this.note();
      }

      @ExclusiveCron(EVERY_SECOND, { tick: 'none', lock: 'plain', waitForCompletion: true })
      async plain(): Promise<void> {
        this.note();
        return Promise.resolve();
      }

      @ExclusiveInterval(1_000, { lock: 'interval' })
      async interval(): Promise<void> {
        this.note();
        return Promise.resolve();
      }

      private note(): void {
        this.ticks.push(currentTick());
      }
    }
    const { app } = await start(withJobs(Reports));
    const { ticks } = app.get(Reports);
    const names = ['Reports.claimed', 'interval', 'plain'];
    const isSeen = (name: string): boolean => ticks.some((tick) => tick?.name === name);
    await until(() => names.every(isSeen), 'a run of each');
    for (const tick of ticks) {
      expect(tick?.at.getMilliseconds()).toBe(0);
      expect(tick?.lateMs).toBeGreaterThanOrEqual(0);
    }
    expect(currentTick()).toBeUndefined();
  });

  it('is none when the job is called by hand, which claims nothing', async () => {
    @Injectable()
    class Reports {
      ticks: (Tick | undefined)[] = [];

      @ExclusiveCron('0 0 29 2 *', { name: 'daily', waitForCompletion: true })
      async daily(): Promise<void> {
        this.ticks.push(currentTick());
        return Promise.resolve();
      }
    }
    const { app } = await start(withJobs(Reports));
    const reports = app.get(Reports);
    await reports.daily();
    await app.get(SchedulerRegistry).getCronJob('daily').fireOnTick();
    expect(reports.ticks).toEqual([undefined, undefined]);
    expect(await claims()).toBe(0);
  });

  it('is known, and claimed, when the timer fires while the application starts', async () => {
    @Injectable()
    class Reports {
      ticks: (Tick | undefined)[] = [];

      @ExclusiveCron(EVERY_SECOND, { threshold: 1_000 })
      async everySecond(): Promise<void> {
        this.ticks.push(currentTick());
        return Promise.resolve();
      }
    }
    // What `cron` finds when the second is over between its two looks at the clock.
    jest.spyOn(CronTime.prototype, 'getTimeout').mockReturnValueOnce(-1);
    const warn = jest.spyOn(console, 'warn').mockReturnValue(undefined);
    const { app } = await start(withJobs(Reports));
    const { ticks } = app.get(Reports);
    await until(() => ticks.length > 0, 'a run');
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('Executing immediately'));
    expect(ticks[0]?.at.getMilliseconds()).toBe(0);
    expect(await claims()).toBeGreaterThan(0);
    jest.restoreAllMocks();
  });
});

describe('jobs that share a lock', () => {
  it('run for the same tick, one after the other', async () => {
    @Injectable()
    class Billing {
      ran: string[] = [];

      @ExclusiveCron(EVERY_SECOND, { lock: 'billing' })
      async invoices(): Promise<void> {
        this.ran.push(`invoices ${currentTick()?.at.toISOString()}`);
        return Promise.resolve();
      }

      @ExclusiveCron(EVERY_SECOND, { lock: 'billing' })
      async reminders(): Promise<void> {
        this.ran.push(`reminders ${currentTick()?.at.toISOString()}`);
        return Promise.resolve();
      }
    }
    const { app } = await start(withJobs(Billing));
    const { ran } = app.get(Billing);
    const haveBothRun = (): boolean =>
      ran.some((run) => run.startsWith('invoices') && ran.includes(run.replace('invoices', 'reminders')));
    await until(haveBothRun, 'a tick that both have run for');
  });
});

describe('the tick of a firing', () => {
  it('is found when a busy event loop has delayed it', async () => {
    const firings = new FiringTicks();
    const ticks = await new Promise<FiringTick[]>((resolve) => {
      const seen: FiringTick[] = [];
      const job = CronJob.from({
        cronTime: EVERY_SECOND,
        start: true,
        onTick: () => {
          const tick = firings.tickOf(job);
          if (tick === undefined || tick === NO_TICK) return;
          seen.push(tick);
          if (seen.length === 2) resolve(seen);
          else setTimeout(blockUntil, 300, tick.atMs + 1_700);
        },
      });
      defer(() => void job.stop());
    });
    const firedAt = ticks.map(({ atMs, lateMs }) => atMs + lateMs);
    expect(firedAt[1]).toBeGreaterThanOrEqual((ticks[0]?.atMs ?? NaN) + 1_700);
    expect(ticks.map(({ atMs }) => atMs)).toEqual(firedAt.map((at) => periodStart(at, 1_000)));
  });
});

function blockUntil(atMs: number): void {
  while (Date.now() < atMs) blockEventLoop(atMs - Date.now());
}
