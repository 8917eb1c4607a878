import { describe, expect, it } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import {
  AdvisoryLockEvents,
  AdvisoryLockJobs,
  AdvisoryLockService,
  ExclusiveCron,
  ExclusiveInterval,
  type SkippedEvent,
  type TickEvent,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockInOtherSession } from './support/advisory-locks.js';
import { lockedApp, start } from './support/applications.js';
import { observe } from './support/nest-observe.js';
import { FEATURES } from '../../lib/nest/features.js';

const database = useTestDatabase({ connectionsMayStay: true });

@Injectable()
class Jobs {
  @ExclusiveCron('* * * * * *')
  async good(): Promise<void> {}

  @ExclusiveCron('* * * * * *')
  async bad(): Promise<void> {
    return Promise.reject(new Error('no paper'));
  }

  @ExclusiveInterval(500)
  async often(): Promise<void> {}

  @ExclusiveCron('0 3 * * *')
  async nightly(): Promise<void> {}

  @WithAdvisoryLock('report', { onBusy: 'skip' })
  async report(): Promise<void> {}
}

type JobEvent = TickEvent | SkippedEvent;

/** An instance, and the events of its jobs. */
async function instance() {
  const { app } = await start(
    lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Jobs] }),
  );
  const received: JobEvent[] = [];
  const events = app.get(AdvisoryLockEvents);
  events.on('tick', (event) => received.push(event));
  events.on('skipped', (event) => received.push(event));
  const of = (method: string) => received.filter((event) => event.method === method);
  return { app, received, of, locks: app.get(AdvisoryLockService), jobs: app.get(Jobs) };
}

describe('the jobs of a fleet', () => {
  it('report each tick in the instance that ran it, and in those that left it out', async () => {
    const fleet = await Promise.all([instance(), instance()]);
    const all = (method: string) => fleet.flatMap(({ of }) => of(method));
    const eventsOf = (method: string) =>
      all(method).map((event) => (event.type === 'tick' ? event.state : event.reason));
    await until(() => {
      const [good, bad, often] = [eventsOf('Jobs.good'), eventsOf('Jobs.bad'), eventsOf('Jobs.often')];
      const isSeen = [good.includes('ran'), good.includes('claimed'), bad.includes('failed')];
      return [...isSeen, often.includes('ran'), often.includes('claimed')].every(Boolean);
    }, 'each job has run, and was left out');

    const runs = all('Jobs.good').filter((event) => event.type === 'tick');
    const [first] = runs;
    expect(runs.filter(({ tick }) => tick.getTime() === first?.tick.getTime())).toMatchObject([
      { state: 'began', lockName: 'Jobs.good' },
      { state: 'ran', durationMs: expect.any(Number) as unknown },
    ]);
    expect(all('Jobs.bad').find((event) => event.type === 'tick' && event.state === 'failed')).toMatchObject({
      error: { message: 'no paper' },
      lateMs: expect.any(Number) as unknown,
    });
    expect(new Set(eventsOf('Jobs.good'))).not.toContain('failed');
  });

  it('are remembered with what became of their latest ticks', async () => {
    const { locks, received } = await instance();
    await until(
      () => received.some((event) => event.type === 'tick' && event.state === 'failed'),
      'a failure',
    );
    await until(() => received.some(({ method }) => method === 'Jobs.often'), 'an interval');
    const { ticks, schedulers } = locks[FEATURES].jobs;
    const report = ticks.report(schedulers);
    const jobOf = (method: string) => report.find((job) => job.method === method);
    expect(jobOf('Jobs.bad')).toMatchObject({
      name: 'Jobs.bad',
      schedule: '* * * * * *',
      ticks: expect.arrayContaining([
        expect.objectContaining({ outcome: 'failed', error: 'no paper' }),
      ]) as unknown,
    });
    expect(jobOf('Jobs.often')).toMatchObject({ schedule: 'every 500 ms' });
    expect(jobOf('Jobs.nightly')).toEqual({
      name: 'Jobs.nightly',
      method: 'Jobs.nightly',
      schedule: '0 3 * * *',
      nextAtMs: expect.any(Number),
      ticks: [],
    });
  });

  it('report that they were skipped because the lock is held; so do methods', async () => {
    await lockInOtherSession(database, 'Jobs.good');
    await lockInOtherSession(database, 'report');
    const { jobs, of } = await instance();
    await jobs.report();
    expect(of('Jobs.report')).toMatchObject([{ type: 'skipped', reason: 'held', lockName: 'report' }]);
    await until(() => of('Jobs.good').length > 0, 'a skip');
    expect(of('Jobs.good')[0]).toMatchObject({
      type: 'skipped',
      reason: 'held',
      tick: expect.any(Date) as unknown,
    });
  });
});

describe('what instruments an application by the option `instrument` of Nest', () => {
  it('counts runs of jobs, not skipped ticks, and hides no busy job from a run on demand', async () => {
    const { instanceDecorator, runs, provider } = observe(Jobs);
    const imports = [ScheduleModule.forRoot()];
    @Module(lockedApp(database, { imports, providers: [Jobs, provider] }))
    class App {}
    await lockInOtherSession(database, 'Jobs.good');
    const app = await NestFactory.createApplicationContext(App, {
      logger: false,
      instrument: { instanceDecorator },
    });
    defer(() => app.close());
    const outcomes: string[] = [];
    const events = app.get(AdvisoryLockEvents);
    events.on('tick', ({ method, state }) => outcomes.push(`${method} ${state}`));
    events.on('skipped', ({ method, reason }) => outcomes.push(`${method} ${reason}`));
    await until(
      () => ['Jobs.good held', 'Jobs.bad failed', 'Jobs.often ran'].every((each) => outcomes.includes(each)),
      'each outcome',
    );
    await expect(app.get(AdvisoryLockJobs).runNow('Jobs.good')).rejects.toMatchObject({
      code: 'LOCK_UNAVAILABLE',
    });
    await app.get(AdvisoryLockJobs).runNow('Jobs.nightly');
    await app.close();

    expect(new Set(runs)).toEqual(new Set(['Jobs.bad', 'Jobs.often']));
    const ended = outcomes.filter((each) => /^Jobs\.(bad|often) (ran|failed)$/.test(each));
    expect(runs).toHaveLength(ended.length);
    expect(outcomes).toContain('Jobs.nightly ran');
  });
});
