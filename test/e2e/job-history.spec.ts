import { beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  ADVISORY_LOCK_JOB_RUN_SQL,
  AdvisoryLockCronHistory,
  AdvisoryLockEvents,
  AdvisoryLockJobs,
  AdvisoryLockModule,
  CreateAdvisoryLockJobRuns1735862400000,
  AdvisoryLockJobRun,
  EXCLUSIVE_CRON_RUN_SQL,
  ExclusiveCron,
  ExclusiveInterval,
  ExclusiveTimeout,
  type TickEvent,
} from 'nestjs-advisory-lock';
import { openDataSource } from '../support/data-source.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { bootstrapError, lockedApp, postgres, start } from './support/applications.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const NEVER = '0 0 29 2 *';
const HOUR_MS = 3_600_000;

const withJobs = (...jobs: Type[]) =>
  lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: jobs });

async function instance(...jobs: Type[]) {
  const { app, log } = await start(withJobs(...jobs));
  return { app, log, jobs: app.get(AdvisoryLockJobs), history: app.get(AdvisoryLockCronHistory) };
}

/** A job that fails so often before it succeeds. */
function failingJob(failures: number, options: { historyMs?: number; attempts: number }) {
  const { attempts, ...rest } = options;

  @Injectable()
  class Reports {
    calls = 0;

    @ExclusiveCron(NEVER, { ...rest, retry: { attempts, delayMs: 1 } })
    async write(): Promise<string> {
      this.calls += 1;
      return this.calls > failures ? Promise.resolve('written') : Promise.reject(new Error('no paper'));
    }
  }
  return Reports;
}

beforeAll(() => database.query(ADVISORY_LOCK_JOB_RUN_SQL));

describe('a run that is tried again', () => {
  it('ends with the first attempt that succeeds; each is an event and a row', async () => {
    const Reports = failingJob(2, { attempts: 3, historyMs: HOUR_MS });
    const { app, log, jobs, history } = await instance(Reports);
    const events: TickEvent[] = [];
    app.get(AdvisoryLockEvents).on('tick', (event) => events.push(event));
    expect(await jobs.runNow('Reports.write')).toBe('written');
    expect(events.map(({ state, attempt }) => [state, attempt])).toEqual([
      ['began', undefined],
      ['failed', undefined],
      ['began', 2],
      ['failed', 2],
      ['began', 3],
      ['ran', 3],
    ]);
    expect(await history.runs('Reports.write')).toMatchObject([
      { state: 'done', attempt: 3, trigger: 'manual' },
      { state: 'failed', attempt: 2, error: 'Error: no paper' },
      { state: 'failed', attempt: 1 },
    ]);
    expect(log.matching(/attempt 1 of 3, and is tried again in 1 ms: no paper/)).toHaveLength(1);
    expect(await history.runs('Reports.write', { outcome: 'failed', limit: 1 })).toHaveLength(1);
    expect(await history.runs('Reports.write', { trigger: 'schedule' })).toEqual([]);
    expect(await history.runs('Reports.write', { from: new Date(Date.now() + 60_000) })).toEqual([]);
    expect(await history.runs('Reports.write', { to: new Date() })).toHaveLength(3);
  });

  it('fails as the last attempt does, and has one attempt when it is called by hand', async () => {
    const Reports = failingJob(9, { attempts: 2 });
    const { app, jobs } = await instance(Reports);
    await expect(jobs.runNow('Reports.write')).rejects.toThrow('no paper');
    expect(app.get(Reports).calls).toBe(2);
    await expect(app.get(Reports).write()).rejects.toThrow('no paper');
    expect(app.get(Reports).calls).toBe(3);
  });

  it('is one tick, which no other instance runs', async () => {
    const calls: number[] = [];

    @Injectable()
    class Secondly {
      @ExclusiveCron('* * * * * *', { retry: { attempts: 3, delayMs: 50 }, tick: 'record' })
      async fail(): Promise<void> {
        calls.push(Date.now());
        return Promise.reject(new Error('no paper'));
      }
    }
    await database.query(EXCLUSIVE_CRON_RUN_SQL);
    const { history } = await instance(Secondly);
    await instance(Secondly);
    await until(() => calls.length >= 3, 'three attempts');
    await until(async () => (await history.runs('Secondly.fail')).length > 0, 'a record');
    const runs = await history.runs('Secondly.fail');
    expect(new Set(runs.map(({ tickAt }) => tickAt.getTime())).size).toBe(runs.length);
  });

  it.each([
    [{ attempts: 0 }, '`attempts`'],
    [{}, '`attempts`'],
    [{ attempts: 2, delayMs: -1 }, '`delayMs`'],
    [{ attempts: 2, delay: 1 }, '`delay`'],
    [3, '`retry`'],
  ])('is refused with the options %p', (retry, option) => {
    const decorate = ExclusiveCron as unknown as (time: string, options: object) => void;
    expect(() => {
      decorate(NEVER, { retry });
    }).toThrow(option);
  });
});

describe('the history', () => {
  it('has the runs of intervals and timeouts, those that run, and no old ones', async () => {
    const gate = new Gate();

    @Injectable()
    class Poller {
      @ExclusiveInterval(50, { historyMs: HOUR_MS })
      async poll(): Promise<void> {}

      @ExclusiveTimeout(1, { historyMs: HOUR_MS })
      async warmUp(): Promise<void> {
        await gate.pass();
      }
    }
    await database.query(
      `INSERT INTO advisory_lock_job_run VALUES
        ('Poller.poll', now() - interval '2 hours', 'old', 'schedule', 1, 'gone:1', now(), now(), 'done'),
        ('Poller.warmUp', now() - interval '2 minutes', 'dead', 'schedule', 1, 'gone:1', now(), NULL, NULL)`,
    );
    const { history } = await instance(Poller);
    await gate.reached;
    expect(await history.runs('Poller.warmUp')).toMatchObject([{ state: 'running' }, { state: 'died' }]);
    expect(await history.runs('Poller.warmUp', { outcome: 'died' })).toMatchObject([{ instance: 'gone:1' }]);
    gate.open();
    const polls = async () =>
      (await history.runs('Poller.poll', { outcome: 'done' })).map(({ instance }) => instance);
    const isOld = (instance: string): boolean => instance === 'gone:1';
    // The first run deletes what is old before it ends.
    await until(async () => (await polls()).filter((poll) => !isOld(poll)).length > 1, 'two runs');
    expect((await polls()).filter(isOld)).toEqual([]);
    await expect(history.runs('Poller.pol')).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
    await expect(history.runs('Poller.poll', { limit: 0 })).rejects.toThrow('`limit`');
    await expect(history.runs('Poller.poll', { outcome: 'lost' as 'died' })).rejects.toThrow('`outcome`');
  });

  it('needs its table when the application starts, and is written as the migration makes it', async () => {
    @Injectable()
    class Reports {
      @ExclusiveCron(NEVER, { historyMs: HOUR_MS, lock: 'report' })
      async write(): Promise<void> {}
    }
    await database.query('DROP TABLE advisory_lock_job_run');
    const error = await bootstrapError(withJobs(Reports));
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(error.message).toMatch(/Reports\.write has `historyMs`, which needs a table/);

    const dataSource = await openDataSource(database.url, {
      entities: [AdvisoryLockJobRun],
      migrations: [CreateAdvisoryLockJobRuns1735862400000],
    });
    await dataSource.runMigrations();
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries).toEqual([]);
    const { app } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot({ namespace: 'shop' }),
        ScheduleModule.forRoot(),
      ],
      providers: [Reports],
    });
    await app.get(AdvisoryLockJobs).runNow('report');
    expect(await dataSource.getRepository(AdvisoryLockJobRun).find()).toMatchObject([
      { job: 'shop:report', trigger: 'manual', attempt: 1, outcome: 'done', error: null },
    ]);
  });
});
