import { describe, expect } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  ADVISORY_LOCK_JOB_PAUSE_SQL,
  AdvisoryLockEvents,
  AdvisoryLockJobs,
  AdvisoryLockModule,
  type AdvisoryLockModuleOptions,
  AdvisoryLockService,
  currentTick,
  EXCLUSIVE_CRON_RUN_SQL,
  ExclusiveCron,
  ExclusiveInterval,
  ExclusiveTimeout,
  getAdvisoryLockToken,
  type SkippedEvent,
} from 'nestjs-advisory-lock';
import { DataSource } from 'typeorm';
import { testsTogether } from '../support/tests-together.js';
import { until } from '../support/until.js';
import { postgres, start, type StartedApp } from './support/applications.js';

const { database, it } = testsTogether({
  atOnce: 3,
  connectionsMayStay: true,
  prepare: (own) => own.query(`${ADVISORY_LOCK_JOB_PAUSE_SQL}; ${EXCLUSIVE_CRON_RUN_SQL}`),
});

const NEVER = '0 0 29 2 *';
const EACH_SECOND = '* * * * * *';
const HOUR_MS = 3_600_000;

const instanceOf = (options: AdvisoryLockModuleOptions, ...providers: Type[]) =>
  start({
    imports: [postgres(database), AdvisoryLockModule.forRoot(options), ScheduleModule.forRoot()],
    providers,
  });
const instance = (...jobs: Type[]) => instanceOf({}, ...jobs);
const jobsOf = ({ app }: StartedApp) => app.get(AdvisoryLockJobs);

/** The skips of an instance from now on. */
function skipsOf({ app }: StartedApp): SkippedEvent[] {
  const skips: SkippedEvent[] = [];
  app.get(AdvisoryLockEvents).on('skipped', (event) => skips.push(event));
  return skips;
}

const pausedIn = (skips: readonly SkippedEvent[]) => skips.filter(({ reason }) => reason === 'paused');

/** A job of each second, and the ticks that it has run for in all instances. */
function secondly() {
  const ran: string[] = [];

  @Injectable()
  class Reports {
    @ExclusiveCron(EACH_SECOND)
    async write(): Promise<void> {
      ran.push(String(currentTick()?.at.toISOString()));
      return Promise.resolve();
    }
  }
  return { Reports, ran };
}

/** Pauses a job as if its notification had been lost. */
const insertPause = (job: string) =>
  database.query("INSERT INTO advisory_lock_job_pause VALUES ($1, NULL, now(), NULL, 'test')", [job]);

describe('a paused job', () => {
  it('is left out in every instance, also in one that starts later, until it is resumed', async () => {
    const { Reports, ran } = secondly();
    const fleet = [await instance(Reports), await instance(Reports)] as const;
    await until(() => ran.length > 0, 'a run');

    await jobsOf(fleet[0]).pause('Reports.write', { reason: 'incident 7' });
    const pausedAt = new Date().toISOString();
    const skips = fleet.map(skipsOf);
    const replacement = await instance(Reports);
    skips.push(skipsOf(replacement));
    await until(() => skips.every((each) => pausedIn(each).length >= 2), 'two skips in each');
    expect(ran.filter((at) => at > pausedAt)).toEqual([]);
    expect(pausedIn(skips.flat())[0]).toMatchObject({
      lockName: 'Reports.write',
      method: 'Reports.write',
      reason: 'paused',
      tick: expect.any(Date),
    });
    expect(await jobsOf(replacement).list()).toEqual([
      {
        name: 'Reports.write',
        method: 'Reports.write',
        schedule: EACH_SECOND,
        nextTick: expect.any(Date),
        isPaused: true,
        reason: 'incident 7',
        pausedAt: expect.any(Date),
        pausedBy: expect.stringMatching(`:${process.pid}$`),
      },
    ]);

    const before = ran.length;
    await jobsOf(replacement).resume('Reports.write');
    await until(() => ran.length >= before + 2, 'two runs');
    expect(new Set(ran).size).toBe(ran.length);
    expect(await jobsOf(fleet[0]).list()).toMatchObject([{ isPaused: false }]);
  });

  it('costs no query per tick', async () => {
    const { Reports, ran } = secondly();
    const started = await instance(Reports);
    await until(() => ran.length > 0, 'a run');
    const dataSource = started.app.get(DataSource);
    const queries: string[] = [];
    const query = dataSource.query.bind(dataSource);
    dataSource.query = (sql: string, ...rest: []) => {
      queries.push(sql);
      return query(sql, ...rest);
    };
    const skips = skipsOf(started);
    await until(() => ran.length > 2, 'more runs');
    expect(queries).toEqual([]);
    await jobsOf(started).pause('Reports.write');
    await until(() => pausedIn(skips).length >= 2, 'two skips');
    // The pause, its notification, and one read: whether there is a table, and what it has.
    expect(queries).toHaveLength(4);
  });

  it('is left out by an instance that was not notified, as its connection was lost', async () => {
    const { Reports, ran } = secondly();
    const skips = skipsOf(await instance(Reports));
    await until(() => ran.length > 0, 'a run');
    await insertPause('Reports.write');
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'nestjs-advisory-lock %'`,
    );
    await until(() => pausedIn(skips).length > 0, 'a skip');
  });

  it('is left out after some seconds by an instance that does not join the fleet', async () => {
    const { Reports, ran } = secondly();
    const skips = skipsOf(await instanceOf({ joinsFleet: false }, Reports));
    await until(() => ran.length > 0, 'a run');
    await insertPause('Reports.write');
    await until(() => pausedIn(skips).length > 0, 'a skip');
  });

  it('runs again at its end, which every instance takes for the same', async () => {
    const { Reports, ran } = secondly();
    const fleet = [await instance(Reports), await instance(Reports)] as const;
    const skips = fleet.map(skipsOf);
    const end = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2_000);
    await jobsOf(fleet[1]).pause('Reports.write', { until: end });
    await until(() => ran.some((at) => at >= end.toISOString()), 'a run after the end');
    expect(ran).toContain(end.toISOString());
    expect(ran).not.toContain(new Date(end.getTime() - 1_000).toISOString());
    for (const each of skips) {
      expect(pausedIn(each).every(({ tick }) => Number(tick) < end.getTime())).toBe(true);
    }
  });

  it('is left out when it is an interval or a timeout, and runs by hand', async () => {
    let runs = 0;

    @Injectable()
    class Poller {
      @ExclusiveInterval(50)
      async poll(): Promise<void> {
        runs += 1;
        return Promise.resolve();
      }

      @ExclusiveTimeout(50)
      async once(): Promise<void> {
        runs += 1;
        return Promise.resolve();
      }
    }
    await insertPause('Poller.poll');
    await insertPause('Poller.once');
    const started = await instance(Poller);
    const skips = skipsOf(started);
    const methods = () => new Set(pausedIn(skips).map(({ method }) => method));
    await until(() => methods().size === 2, 'both skipped');
    expect(runs).toBe(0);
    await started.app.get(Poller).once();
    expect(runs).toBe(1);
    expect(await jobsOf(started).list()).toMatchObject([
      { name: 'Poller.poll', schedule: 'every 50 ms', isPaused: true },
      { name: 'Poller.once', isPaused: true },
    ]);
  });

  it('is no job of another namespace, and no other job', async () => {
    const { Reports } = secondly();
    const fleet = [
      await instanceOf({ namespace: 'one' }, Reports),
      await instanceOf({ namespace: 'two' }, Reports),
    ] as const;
    await jobsOf(fleet[0]).pause('Reports.write');
    expect(await jobsOf(fleet[0]).list()).toMatchObject([{ isPaused: true }]);
    expect(await jobsOf(fleet[1]).list()).toMatchObject([{ isPaused: false }]);
    expect(await database.query('SELECT job FROM advisory_lock_job_pause')).toEqual([
      { job: 'one:Reports.write' },
    ]);
  });

  it('may be a job that is made at run time, of a module with a name', async () => {
    const started = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot({ name: 'archive' }),
        ScheduleModule.forRoot(),
      ],
    });
    const locks: AdvisoryLockService = started.app.get(getAdvisoryLockToken('archive'));
    const jobs = new AdvisoryLockJobs(locks);
    await locks.exclusiveJob('sweep', NEVER, () => undefined);
    await jobs.pause('sweep', { reason: 'tidy' });
    expect(await jobs.list()).toMatchObject([{ name: 'sweep', isPaused: true, reason: 'tidy' }]);
  });
});

describe('what a recorded job catches up', () => {
  it('leaves out the ticks of all pauses since the last run, but not those between them', async () => {
    const caughtUp: string[] = [];

    @Injectable()
    class Payouts {
      @ExclusiveCron('0 0 * * * *', { tick: 'record', catchUp: 'all', timeZone: 'UTC' })
      async payOut(): Promise<void> {
        caughtUp.push(String(currentTick()?.at.toISOString()));
        return Promise.resolve();
      }
    }
    const hour = Math.floor((Date.now() - HOUR_MS) / HOUR_MS) * HOUR_MS;
    const at = (hours: number) => new Date(hour + hours * HOUR_MS);
    await database.query(
      `INSERT INTO exclusive_cron_run (job, tick_at, instance, started_at, ended_at, outcome)
       VALUES ('Payouts.payOut', $1, 'gone:1', $1, $1, 'done')`,
      [at(-8)],
    );
    await database.query(
      `INSERT INTO advisory_lock_job_pause
       VALUES ('Payouts.payOut', NULL, $1, $2, 'test', ARRAY[$3, $4, $5, $6]::timestamptz[])`,
      [at(-2), at(0), at(-5), at(-3), at(-7), at(-6)],
    );
    await instance(Payouts);
    const expected = [at(-6), at(-3), at(0), at(1)].map((tick) => tick.toISOString());
    await until(() => caughtUp.length >= expected.length, 'four runs');
    expect(caughtUp).toEqual(expected);
  });
});

describe('pausing is refused', () => {
  it('for an unknown job, a wrong option and an end in the past, and nothing is changed', async () => {
    const { Reports } = secondly();
    const jobs = jobsOf(await instance(Reports));
    const refused = [
      jobs.pause('Reports.wrote'),
      jobs.resume('Reports.wrote'),
      jobs.pause('Reports.write', { until: new Date(Date.now() - 1_000) }),
      jobs.pause('Reports.write', { until: new Date(NaN) }),
      jobs.pause('Reports.write', { reason: 'a\0b' }),
      jobs.pause('Reports.write', { because: 'so' } as object),
    ];
    for (const attempt of refused)
      await expect(attempt).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
    await expect(jobs.pause('Reports.wrote')).rejects.toThrow(/"Reports\.wrote".*has "Reports\.write"/);
    expect(await database.query('SELECT FROM advisory_lock_job_pause')).toEqual([]);
  });

  it('without the table, with the SQL that creates it; jobs run', async () => {
    await database.query('ALTER TABLE advisory_lock_job_pause RENAME TO away');
    try {
      const { Reports, ran } = secondly();
      const jobs = jobsOf(await instance(Reports));
      await until(() => ran.length > 0, 'a run');
      const refusal = jobs.pause('Reports.write');
      await expect(refusal).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
      await expect(refusal).rejects.toThrow(/CREATE TABLE "advisory_lock_job_pause" \(/);
      expect(await jobs.list()).toMatchObject([{ isPaused: false }]);
    } finally {
      await database.query('ALTER TABLE away RENAME TO advisory_lock_job_pause');
    }
  });
});
