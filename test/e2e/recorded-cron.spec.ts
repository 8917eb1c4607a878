import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  AdvisoryLockCronHistory,
  type AdvisoryLockCronRun,
  AdvisoryLockModule,
  AdvisoryLockService,
  currentTick,
  EXCLUSIVE_CRON_RUN_SQL,
  ExclusiveCron,
  type ExclusiveCronOptions,
  getAdvisoryLockToken,
  type Tick,
} from 'nestjs-advisory-lock';
import { defer } from '../support/cleanup.js';
import { startWorker } from '../support/processes.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import type { WorkerProcess } from '../support/worker-process.js';
import { lockInOtherSession, unlockInOtherSession } from './support/advisory-locks.js';
import { bootstrapError, lockedApp, postgres, type StartedApp, start } from './support/applications.js';
import { Gate } from './support/gate.js';
import { FEATURES } from '../../lib/nest/features.js';

const database = useTestDatabase({ connectionsMayStay: true });

const NEVER = '0 0 29 2 *';
const EACH_SECOND = '* * * * * *';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const withJobs = (...jobs: Type[]) =>
  lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: jobs });

const historyOf = ({ app }: StartedApp) => app.get(AdvisoryLockCronHistory);

/** Adds runs to the record, as instances would have that have ended since. */
async function insertRun(job: string, tickAt: Date, tookMs: number | null = 0): Promise<void> {
  await database.query(
    `INSERT INTO exclusive_cron_run (job, tick_at, instance, started_at, ended_at, outcome)
     VALUES ($1, $2::timestamptz, 'gone:1', $2, $2 + $3 * interval '1 ms',
       CASE WHEN $3::int IS NOT NULL THEN 'done' END)`,
    [job, tickAt, tookMs],
  );
}

const ticksOf = async (job: string): Promise<string[]> => {
  const rows = await database.query<{ tick_at: Date }>(
    'SELECT tick_at FROM exclusive_cron_run WHERE job = $1 ORDER BY tick_at',
    [job],
  );
  return rows.map(({ tick_at }) => tick_at.toISOString());
};

beforeAll(() =>
  database.query(`${EXCLUSIVE_CRON_RUN_SQL}; CREATE TABLE sent (tick_at timestamptz, pid int)`),
);
afterEach(() => database.query('TRUNCATE exclusive_cron_run'));

describe('a recorded job', () => {
  it('leaves a row with its tick, its instance, and that it is done', async () => {
    const seen: (Tick | undefined)[] = [];

    @Injectable()
    class Reports {
      @ExclusiveCron(EACH_SECOND, { tick: 'record' })
      async write(): Promise<void> {
        seen.push(currentTick());
        return Promise.resolve();
      }
    }
    const started = await start(withJobs(Reports));
    await until(() => seen.length > 0, 'a run');
    await started.app.get(AdvisoryLockService).withLock('Reports.write', () => undefined, { waitMs: 5_000 });

    const runs = await historyOf(started).runs('Reports.write');
    const first = runs.at(-1);
    expect(first).toMatchObject({ job: 'Reports.write', state: 'done', tickAt: seen[0]?.at });
    expect(first?.instance).toMatch(new RegExp(`:${process.pid}$`));
    expect(first?.endedAt?.getTime()).toBeGreaterThanOrEqual(Number(first?.startedAt));
    expect(first?.tickAt.getMilliseconds()).toBe(0);
  });

  it('leaves a row with its error, which the scheduler has too', async () => {
    @Injectable()
    class Reports {
      @ExclusiveCron(EACH_SECOND, { tick: 'record' })
      async write(): Promise<void> {
        return Promise.reject(new TypeError('the report is empty'));
      }
    }
    const started = await start(withJobs(Reports));
    await until(() => started.log.matching(/^error .*the report is empty/).length > 0, 'a failure');
    const runs = await historyOf(started).runs('Reports.write');
    expect(runs.at(-1)).toMatchObject({ state: 'failed', error: 'TypeError: the report is empty' });
  });

  it('is running as long as it runs, and its row is there before it begins', async () => {
    const gate = new Gate();

    @Injectable()
    class Reports {
      @ExclusiveCron(EACH_SECOND, { tick: 'record' })
      async write(): Promise<void> {
        await gate.pass();
      }
    }
    const started = await start(withJobs(Reports));
    await gate.reached;
    const running = await historyOf(started).last('Reports.write');
    expect(running).toMatchObject({ state: 'running' });
    expect(running).not.toHaveProperty('endedAt');
    gate.open();
    const isOver = async (): Promise<boolean> => {
      const runs = await historyOf(started).runs('Reports.write');
      return runs.find(({ tickAt }) => tickAt.getTime() === running?.tickAt.getTime())?.state === 'done';
    };
    await until(isOver, 'its end in the record');
  });

  it('runs once when two instances fire, and the record is what counts', async () => {
    const seen: string[] = [];

    @Injectable()
    class Reports {
      @ExclusiveCron(EACH_SECOND, { tick: 'record' })
      async write(): Promise<void> {
        seen.push(String(currentTick()?.at.toISOString()));
        // As if all locks of it had been lost with its session: only the record is left.
        await database.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name LIKE 'nestjs-advisory-lock %'`,
        );
      }
    }
    await Promise.all([start(withJobs(Reports)), start(withJobs(Reports)), start(withJobs(Reports))]);
    await until(() => seen.length >= 3, 'three runs');
    expect(seen).toHaveLength(new Set(seen).size);
  });

  it('leaves no row when it is called by hand', async () => {
    @Injectable()
    class Reports {
      runs = 0;

      @ExclusiveCron(NEVER, { tick: 'record' })
      async write(): Promise<void> {
        this.runs += 1;
        return Promise.resolve();
      }
    }
    const { app } = await start(withJobs(Reports));
    await app.get(Reports).write();
    expect(app.get(Reports).runs).toBe(1);
    expect(await ticksOf('Reports.write')).toEqual([]);
  });

  it('is recorded under the namespace of its module, and read without it', async () => {
    @Injectable()
    class Reports {
      @ExclusiveCron(EACH_SECOND, { tick: 'record', connection: 'archive', lock: 'report' })
      async write(): Promise<void> {}
    }
    const { app } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot({ name: 'archive', namespace: 'shop' }),
        ScheduleModule.forRoot(),
      ],
      providers: [Reports],
    });
    const locks = app.get<AdvisoryLockService>(getAdvisoryLockToken('archive'));
    const history = new AdvisoryLockCronHistory(locks);
    await until(async () => (await history.last('report'))?.state === 'done', 'a run');
    expect(await history.last('report')).toMatchObject({ job: 'report' });
    const [{ job } = { job: '' }] = await history.runs('report');
    expect(await history.last(job)).toMatchObject({ job: 'report' });
    for (const unknown of ['another', 'shop:report']) {
      await expect(history.last(unknown)).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
        lockName: unknown,
        message:
          'runs() needs the name of the lock of a recorded job, without the namespace, received ' +
          `"${unknown}", of which there is no record. This instance has the recorded jobs "report".`,
      });
    }
  });
});

describe('a recorded job whose instance is killed', () => {
  const startJob = (): WorkerProcess =>
    startWorker(new URL('./workers/recorder.ts', import.meta.url), {
      env: { TEST_URL: database.url, TEST_JOB_MS: '600000' },
    });

  it('has died, which the lock shows at once, and its tick is not run again', async () => {
    const worker = startJob();
    const { tick } = await worker.message<{ tick: string }>((message) => 'tick' in message, 30_000);
    const started = await start(withJobs());
    const run = async (): Promise<AdvisoryLockCronRun | undefined> =>
      (await historyOf(started).runs('report')).find(({ tickAt }) => tickAt.toISOString() === tick);
    expect(await run()).toMatchObject({ state: 'running' });

    worker.kill('SIGKILL');
    await worker.exited;
    await until(async () => (await run())?.state === 'died', 'the death to be reported');
    expect((await run())?.instance).toMatch(new RegExp(`:${worker.pid}$`));

    const { records } = started.app.get(AdvisoryLockService)[FEATURES].jobs;
    const outcome = await records.run('report', Date.parse(tick), HOUR_MS, () => Promise.resolve());
    expect(outcome).toEqual({ acquired: false });
  });
});

describe('what a recorded job has missed', () => {
  const midnight = (daysAgo: number): Date =>
    new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - daysAgo * DAY_MS);
  const days = (...ago: number[]): string[] => ago.map((n) => midnight(n).toISOString());

  /** A job of each midnight, and the ticks that it sees. */
  function dailyJob(options: Partial<ExclusiveCronOptions>, body: () => unknown = () => undefined) {
    const seen: Tick[] = [];
    const instances: object[] = [];

    @Injectable()
    class Daily {
      @ExclusiveCron('0 0 * * *', { timeZone: 'UTC', tick: 'record', ...options } as ExclusiveCronOptions)
      async run(): Promise<void> {
        const tick = currentTick();
        if (tick !== undefined) seen.push(tick);
        instances.push(this);
        await body();
      }
    }
    return { Daily, seen, instances, ticks: () => seen.map(({ at }) => at.toISOString()) };
  }

  it('is left as it is by default', async () => {
    const { Daily, seen } = dailyJob({});
    await insertRun('Daily.run', midnight(4));
    const { log } = await start(withJobs(Daily));
    // One that does catch up in the same application is through first.
    const other = dailyJob({ catchUp: 'last', lock: 'other' });
    await insertRun('other', midnight(4));
    await start(withJobs(other.Daily));
    await until(() => other.seen.length > 0, 'the other to catch up');
    expect(seen).toEqual([]);
    expect(log.matching(/missed/)).toEqual([]);
  });

  it('is run for the newest tick with catchUp last', async () => {
    const { Daily, ticks, seen } = dailyJob({ catchUp: 'last' });
    await insertRun('Daily.run', midnight(4));
    const { app } = await start(withJobs(Daily));
    await until(() => seen.length > 0, 'the newest tick');
    await app.close();
    expect(ticks()).toEqual(days(0));
    expect(seen[0]).toMatchObject({ name: 'Daily.run' });
    expect(seen[0]?.lateMs).toBeGreaterThan(Date.now() - midnight(0).getTime() - 60_000);
    expect(await ticksOf('Daily.run')).toEqual(days(4, 0));
  });

  it('is run for each tick in order with catchUp all, also when one fails', async () => {
    const { Daily, ticks, seen } = dailyJob({ catchUp: 'all' }, () => {
      if (seen.length === 2) throw new Error('the second fails');
    });
    await insertRun('Daily.run', midnight(4));
    const started = await start(withJobs(Daily));
    await until(() => seen.length === 4, 'all ticks');
    await started.app.close();
    expect(ticks()).toEqual(days(3, 2, 1, 0));
    expect(started.log.matching(/^error .*the second fails/)).toHaveLength(1);
    expect(started.log.matching(/^log .*Running Daily\.run for .*, which was missed/)).toHaveLength(4);
    const outcomes = await database.query('SELECT outcome FROM exclusive_cron_run ORDER BY tick_at');
    expect(outcomes.map(({ outcome }) => String(outcome))).toEqual([
      'done',
      'done',
      'failed',
      'done',
      'done',
    ]);
  });

  it('is run once a tick by a fleet that starts at once, by one after the other when one goes', async () => {
    const gate = new Gate();
    const { Daily, ticks, seen, instances } = dailyJob({ catchUp: 'all' }, () =>
      seen.length === 2 ? gate.pass() : undefined,
    );
    await insertRun('Daily.run', midnight(6));
    const fleet = await Promise.all([1, 2, 3].map(() => start(withJobs(Daily))));
    await gate.reached;
    const first = fleet.find(({ app }) => app.get(Daily) === instances[0]);
    const closed = first?.app.close();
    await until(
      () => first?.app.get(AdvisoryLockService)[FEATURES].engine.isClosed === true,
      'the shutdown to begin',
    );
    gate.open();
    await closed;
    await until(() => seen.length === 6, 'the others to go on');
    await Promise.all(fleet.map(({ app }) => app.close()));
    expect(ticks()).toEqual(days(5, 4, 3, 2, 1, 0));
    expect(instances.map((instance) => instance === instances[0])).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('is nothing older than what is retained', async () => {
    const { Daily, ticks, seen } = dailyJob({ catchUp: 'all', retain: 60 * HOUR_MS });
    await insertRun('Daily.run', midnight(6));
    await start(withJobs(Daily));
    const expected = days(2, 1, 0).filter((day) => Date.parse(day) > Date.now() - 60 * HOUR_MS);
    await until(() => seen.length === expected.length, 'those that are retained');
    expect(ticks()).toEqual(expected);
  });

  it('is at most a hundred ticks, of many the newest', async () => {
    const seen: number[] = [];

    @Injectable()
    class Hourly {
      @ExclusiveCron('0 * * * *', { timeZone: 'UTC', tick: 'record', catchUp: 'all' })
      async run(): Promise<void> {
        seen.push(Number(currentTick()?.at));
        return Promise.resolve();
      }
    }
    const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    await insertRun('Hourly.run', new Date(hour - 200 * HOUR_MS));
    const { app } = await start(withJobs(Hourly));
    await until(() => seen.at(-1) === hour, 'the newest tick');
    await app.close();
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => hour - (99 - n) * HOUR_MS));
  });

  it('is run for a job that is made at run time, too', async () => {
    const ticks: string[] = [];
    await insertRun('made late', midnight(2));
    const { app } = await start(withJobs());
    const run = (): void => {
      ticks.push(String(currentTick()?.at.toISOString()));
    };
    const options = { tick: 'record', catchUp: 'all', timeZone: 'UTC' } as const;
    await app.get(AdvisoryLockService).exclusiveJob('made late', '0 0 * * *', run, options);
    await until(() => ticks.length === 2, 'both ticks');
    expect(ticks).toEqual(days(1, 0));
    await until(async () => (await ticksOf('made late')).length === 3, 'the record');
  });

  it('is run where the leadership is', async () => {
    const { Daily, ticks, seen, instances } = dailyJob({ catchUp: 'all', leader: 'jobs' });
    await insertRun('Daily.run', midnight(3));
    await lockInOtherSession(database, 'jobs');
    const fleet = await Promise.all([start(withJobs(Daily)), start(withJobs(Daily))]);
    const other = dailyJob({ catchUp: 'last', lock: 'other' });
    await insertRun('other', midnight(4));
    await start(withJobs(other.Daily));
    await until(() => other.seen.length > 0, 'another job to catch up');
    expect(seen).toEqual([]);

    await unlockInOtherSession(database, 'jobs');
    await until(() => seen.length === 3, 'all ticks');
    const leaders = fleet.filter(({ app }) => app.get(AdvisoryLockService).isLeader('jobs'));
    expect(ticks()).toEqual(days(2, 1, 0));
    expect(new Set(instances)).toEqual(new Set(leaders.map(({ app }) => app.get(Daily))));
  });

  it.each([
    ['it was never recorded', async () => Promise.resolve()],
    ['the newest tick was run', () => insertRun('Daily.run', midnight(0))],
    ['what fell due was left out while a run went on', () => insertRun('Daily.run', midnight(4), 4 * DAY_MS)],
  ])('is nothing when %s', async (_, prepare) => {
    await prepare();
    const { Daily, seen } = dailyJob({ catchUp: 'all' });
    const other = dailyJob({ catchUp: 'all', lock: 'other' });
    await insertRun('other', midnight(1));
    await start(withJobs(Daily, other.Daily));
    await until(() => other.seen.length > 0, 'the other to catch up');
    expect(seen).toEqual([]);
  });

  it('waits while another instance runs, and runs all ticks since then if that has died', async () => {
    const { Daily, ticks, seen } = dailyJob({ catchUp: 'all' });
    const gate = new Gate();
    const otherInstance = await start(withJobs());
    const { records } = otherInstance.app.get(AdvisoryLockService)[FEATURES].jobs;
    const running = records.run('Daily.run', midnight(2).getTime(), 30 * DAY_MS, () => gate.pass());
    await gate.reached;

    const other = dailyJob({ catchUp: 'all', lock: 'other' });
    await insertRun('other', midnight(1));
    await start(withJobs(Daily, other.Daily));
    await until(() => other.seen.length > 0, 'the other to catch up');
    expect(seen).toEqual([]);
    gate.open();
    await running;

    await database.query(`UPDATE exclusive_cron_run SET ended_at = NULL, outcome = NULL`);
    await start(withJobs(Daily));
    await until(() => seen.length === 2, 'the ticks after the one that died');
    expect(ticks()).toEqual(days(1, 0));
  });
});

describe('the record', () => {
  @Injectable()
  class Reports {
    @ExclusiveCron(NEVER, { tick: 'record' })
    async write(): Promise<void> {}
  }

  it('is missed at the start, with what cures it, by applications that need it only', async () => {
    await database.query('ALTER TABLE exclusive_cron_run RENAME TO run_moved');
    defer(() => database.query('ALTER TABLE run_moved RENAME TO exclusive_cron_run'));
    const error = await bootstrapError(withJobs(Reports));
    expect(error).toMatchObject({ code: 'LOCK_CONFIGURATION' });
    expect(error.message).toMatch(/@ExclusiveCron on Reports\.write .*does not exist/);
    expect(error.message).toContain('CreateExclusiveCronRuns1735689600000');
    expect(error.message).toContain('EXCLUSIVE_CRON_RUN_SQL');
    const { app } = await start(withJobs());
    const made = app
      .get(AdvisoryLockService)
      .exclusiveJob('late', NEVER, () => undefined, { tick: 'record' });
    await expect(made).rejects.toThrow(/exclusiveJob\(\) for "late" .*does not exist/);
  });

  it('returns the requested number of runs, the newest first', async () => {
    for (const n of [3, 1, 2]) await insertRun('Reports.write', new Date(Date.now() - n * HOUR_MS));
    await insertRun('other', new Date());
    const history = historyOf(await start(withJobs()));
    const runs = await history.runs('Reports.write', { limit: 2 });
    expect(runs.map(({ tickAt }) => Math.round((Date.now() - tickAt.getTime()) / HOUR_MS))).toEqual([1, 2]);
    expect(await history.runs('Reports.write')).toHaveLength(3);
    expect(await history.last('Reports.write')).toEqual(runs[0]);
    await expect(history.runs('Reports.write', { limit: 0 })).rejects.toThrow('from 1 to 10000');
  });
});

describe('@ExclusiveCron with a record', () => {
  it.each([
    ['catchUp', { tick: 'record', catchUp: 'first' }],
    ['retain', { tick: 'record', retain: 1_000 }],
    ['retain', { tick: 'record', retain: '30d' }],
    ['catchUp', { catchUp: 'all' }],
    ['retain', { tick: 'claim', retain: HOUR_MS }],
    ['claimMs', { tick: 'record', claimMs: 60_000 }],
    ['onCrash', { tick: 'record', onCrash: 'skip' }],
  ])('refuses the option %s when it is wrong, or goes with another tick: %p', (option, options) => {
    expect(() => ExclusiveCron(NEVER, options as object)).toThrow(`\`${option}\``);
  });
});
