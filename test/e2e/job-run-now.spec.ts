import { describe, expect, it } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  AdvisoryLockEvents,
  AdvisoryLockInspector,
  AdvisoryLockJobs,
  AdvisoryLockService,
  currentTick,
  ExclusiveCron,
  ExclusiveTimeout,
  type TickEvent,
} from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { isHeld, lockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, start } from './support/applications.js';
import { startCli } from './support/cli-process.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const NEVER = '0 0 29 2 *';

const instance = (...jobs: Type[]) =>
  start(lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: jobs }));

describe('runNow()', () => {
  it('runs a job under its lock, without a tick, and resolves to its result', async () => {
    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER)
      async write(): Promise<string> {
        return `${await isHeld(database, 'Reports.write')} ${String(currentTick()?.at)}`;
      }
    }
    const { app } = await instance(Reports);
    const events: TickEvent[] = [];
    app.get(AdvisoryLockEvents).on('tick', (event) => events.push(event));

    expect(await app.get(AdvisoryLockJobs).runNow('Reports.write')).toBe('true undefined');
    expect(events).toMatchObject([
      { state: 'began', method: 'Reports.write', trigger: 'manual', lateMs: 0 },
      { state: 'ran', method: 'Reports.write', trigger: 'manual', durationMs: expect.any(Number) },
    ]);
    const { reports } = await app.get(AdvisoryLockInspector).fleet();
    expect(reports[0]?.jobs[0]?.ticks).toMatchObject([{ outcome: 'ran', trigger: 'manual' }]);
  });

  it('rejects with what the job throws, and runs it again', async () => {
    @Injectable()
    class Reports {
      @ExclusiveTimeout(3_600_000, { lock: 'report' })
      async write(): Promise<void> {
        return Promise.reject(new TypeError('the report is empty'));
      }
    }
    const jobs = (await instance(Reports)).app.get(AdvisoryLockJobs);
    await expect(jobs.runNow('report')).rejects.toThrow('the report is empty');
    await expect(jobs.runNow('report')).rejects.toThrow('the report is empty');
  });

  it('rejects while the job runs here or in another process, whatever `onBusy` says', async () => {
    const gate = new Gate();
    let runs = 0;

    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER, { onBusy: 'skip' })
      async write(): Promise<void> {
        runs += 1;
        await gate.pass();
      }

      @ExclusiveCron(NEVER)
      async other(): Promise<void> {
        runs += 1;
        return Promise.resolve();
      }
    }
    const jobs = (await instance(Reports)).app.get(AdvisoryLockJobs);
    const running = jobs.runNow('Reports.write');
    await gate.reached;
    await expect(jobs.runNow('Reports.write')).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    gate.open();
    await running;

    await lockInOtherSession(database, 'Reports.other');
    await expect(jobs.runNow('Reports.other')).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    expect(runs).toBe(1);
  });

  it('rejects in an instance that does not lead', async () => {
    @Injectable()
    class Feed {
      @ExclusiveCron(NEVER, { leader: 'feed' })
      async read(): Promise<string> {
        return Promise.resolve('read');
      }
    }
    await lockInOtherSession(database, 'feed');
    const jobs = (await instance(Feed)).app.get(AdvisoryLockJobs);
    await expect(jobs.runNow('Feed.read')).rejects.toMatchObject({
      code: 'LOCK_UNAVAILABLE',
      lockName: 'feed',
    });
  });

  it('runs a job that was made at run time; what it calls by hand is no run on demand', async () => {
    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER, { reentry: 'join' })
      async write(depth = 0): Promise<number> {
        return depth < 2 ? this.write(depth + 1) : depth;
      }
    }
    const { app } = await instance(Reports);
    const jobs = app.get(AdvisoryLockJobs);
    const events: TickEvent[] = [];
    app.get(AdvisoryLockEvents).on('tick', (event) => events.push(event));
    expect(await jobs.runNow('Reports.write')).toBe(2);
    expect(events).toHaveLength(2);

    await app.get(AdvisoryLockService).exclusiveJob('sweep', NEVER, () => 'swept');
    expect(await jobs.runNow('sweep')).toBe('swept');
  });

  it('waits for a busy job for `waitMs`', async () => {
    const gate = new Gate();

    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER)
      async write(): Promise<string> {
        await gate.pass();
        return 'written';
      }
    }
    const jobs = (await instance(Reports)).app.get(AdvisoryLockJobs);
    const running = jobs.runNow('Reports.write');
    await gate.reached;
    await expect(jobs.runNow('Reports.write', { waitMs: 20 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
    const next = jobs.runNow('Reports.write', { waitMs: Infinity });
    gate.open();
    expect(await Promise.all([running, next])).toEqual(['written', 'written']);
    await expect(jobs.runNow('Reports.write', { waitMs: -1 })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
  });

  it('refuses an unknown job, and a lock of several jobs', async () => {
    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER, { lock: 'reports' })
      async write(): Promise<void> {}

      @ExclusiveCron(NEVER, { lock: 'reports' })
      async send(): Promise<void> {}
    }
    const jobs = (await instance(Reports)).app.get(AdvisoryLockJobs);
    await expect(jobs.runNow('Reports.write')).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
    await expect(jobs.runNow('reports')).rejects.toThrow(/Reports\.write, Reports\.send/);
  });
});

describe('runNow() in an instance that does not have the job', () => {
  it('runs it once, in one of the instances that have it', async () => {
    const ran: boolean[] = [];

    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER)
      async write(): Promise<void> {
        ran.push(await isHeld(database, 'Reports.write'));
      }
    }
    const events: TickEvent[] = [];
    for (const { app } of [await instance(Reports), await instance(Reports), await instance(Reports)])
      app.get(AdvisoryLockEvents).on('tick', (event) => events.push(event));
    const jobs = (await instance()).app.get(AdvisoryLockJobs);

    expect(await jobs.runNow('Reports.write')).toBeUndefined();
    expect(ran).toEqual([true]);
    expect(events).toMatchObject([
      { state: 'began', trigger: 'manual' },
      { state: 'ran', trigger: 'manual' },
    ]);
  });

  it('runs many jobs that are asked for at once', async () => {
    const ran = new Set<string>();
    const names = Array.from({ length: 24 }, (_, n) => `report-${n}`);
    const { app } = await instance();
    for (const name of names)
      await app.get(AdvisoryLockService).exclusiveJob(name, NEVER, () => ran.add(name));
    const jobs = (await instance()).app.get(AdvisoryLockJobs);
    const outcomes = await Promise.allSettled(names.map((name) => jobs.runNow(name)));
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect([...ran].sort()).toEqual([...names].sort());
  });

  it('rejects as it ended there', async () => {
    const gate = new Gate();

    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER)
      async fail(): Promise<void> {
        return Promise.reject(new TypeError('no paper'));
      }

      @ExclusiveCron(NEVER)
      async write(): Promise<void> {
        await gate.pass();
      }

      @ExclusiveCron(NEVER, { lock: 'both' })
      async one(): Promise<void> {}

      @ExclusiveCron(NEVER, { lock: 'both' })
      async other(): Promise<void> {}
    }
    await instance(Reports);
    const jobs = (await instance()).app.get(AdvisoryLockJobs);
    await expect(jobs.runNow('Reports.fail')).rejects.toMatchObject({
      code: 'LOCK_JOB_FAILED',
      lockName: 'Reports.fail',
      instance: expect.stringMatching(`:${process.pid}$`),
      message: expect.stringContaining('no paper'),
    });
    await expect(jobs.runNow('both')).rejects.toThrow(/Reports\.one, Reports\.other/);
    const running = jobs.runNow('Reports.write');
    await gate.reached;
    await expect(jobs.runNow('Reports.write')).rejects.toMatchObject({ code: 'LOCK_UNAVAILABLE' });
    gate.open();
    await running;
  });

  it('leaves it to the leader, and to instances whose timers run', async () => {
    const ran: string[] = [];
    const jobOf = (name: string) => {
      @Injectable()
      class Feed {
        @ExclusiveCron(NEVER, { leader: 'feed', lock: 'read' })
        async read(): Promise<void> {
          ran.push(name);
          return Promise.resolve();
        }

        @ExclusiveCron(NEVER, { lock: 'poll', disabled: name === 'one' })
        async poll(): Promise<void> {
          ran.push(name);
          return Promise.resolve();
        }
      }
      return Feed;
    };
    const one = await instance(jobOf('one'));
    const locks = one.app.get(AdvisoryLockService);
    await until(() => locks.isLocked('feed'), 'a leader');
    const other = await instance(jobOf('other'));
    await other.app.get(AdvisoryLockJobs).runNow('read');
    await (await instance()).app.get(AdvisoryLockJobs).runNow('poll');
    expect(ran).toEqual(['one', 'other']);
  });

  it('is no order from a role that may not act for the application', async () => {
    let runs = 0;

    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER)
      async write(): Promise<void> {
        runs += 1;
        return Promise.resolve();
      }
    }
    const { app } = await instance(Reports);
    const jobs = app.get(AdvisoryLockJobs);
    await jobs.runNow('Reports.write');
    await database.query("CREATE ROLE stranger LOGIN PASSWORD 'stranger'");
    try {
      const url = new URL(database.url);
      [url.username, url.password] = ['stranger', 'stranger'];
      const outcome = await startCli(['trigger', 'Reports.write', '--within', '1s'], {
        DATABASE_URL: url.href,
      }).outcome;
      expect(outcome).toMatchObject({ status: 68, stderr: expect.stringContaining('No instance may run') });
    } finally {
      await database.query('DROP ROLE stranger');
    }
    expect(runs).toBe(1);
  });
});
