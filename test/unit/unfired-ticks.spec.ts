import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CronJob } from 'cron';
import { Ticks } from '../../lib/jobs/schedule/ticks.js';
import { cronFiring } from '../../lib/jobs/schedule/find-firing.js';
import type { Scheduler } from '../../lib/jobs/schedule/scheduler.js';
import { UnfiredTicks } from '../../lib/jobs/schedule/unfired-ticks.js';
import { defer } from '../support/cleanup.js';

const HOUR_MS = 3_600_000;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate', 'performance'] });
  jest.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

/** An instance with one job, on a clock and timers of the test, and the ticks that it is called for. */
function instance(cronTime: string, timeZone: string, from: string) {
  jest.setSystemTime(new Date(from));
  const calls: string[] = [];
  const [mark, object] = [{}, {}];
  const jobs = new Map<string, unknown>();
  const schedulers = [{ getCronJobs: () => jobs } as unknown as Scheduler];
  const findFiring = cronFiring(mark);
  const job = CronJob.from({
    cronTime,
    timeZone,
    context: mark,
    onTick: async () => {
      const firing = await findFiring(schedulers, object, undefined);
      if (firing === undefined) calls.push('by hand');
      else if (firing !== 'no-tick') calls.push(`${time(firing.atMs)} +${String(firing.lateMs)}`);
    },
  });
  jobs.set('job', job);
  job.start();
  const unfired = new UnfiredTicks(() => schedulers);
  unfired.add(mark);
  unfired.start();
  defer(() => {
    unfired.stop();
    void job.stop();
  });
  return { calls, job, jobs, unfired };
}

const time = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);

describe('the ticks that cron leaves out', () => {
  it.each<[string, string, string, string]>([
    ['*/30 2 * * *', 'Europe/Berlin', '2026-10-24T22:30Z', '00:00 00:30 01:00+ 01:30+'],
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T13:30Z', '15:30+'],
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T22:30Z', '00:30'],
    ['0 * * * *', 'Europe/Berlin', '2026-10-24T22:30Z', '23:00 00:00 01:00 02:00 03:00 04:00'],
  ])('of %s in %s from %s on are run once, and no other', async (expression, zone, from, expected) => {
    const { calls } = instance(expression, zone, from);
    await jest.advanceTimersByTimeAsync(6 * HOUR_MS);
    const runs = expected
      .split(' ')
      .map((run) =>
        run.replace(/^(.{5})(\+?)$/, (_, at: string, own: string) =>
          own === '' ? `${at}:00 +0` : `${at}:00 +500`,
        ),
      );
    expect(calls).toEqual(runs);
  });

  it('are not run for a stopped or deleted job, or when the application has stopped', async () => {
    const from = '2026-10-25T00:40Z';
    const stopped = instance('*/30 2 * * *', 'Europe/Berlin', from);
    const deleted = instance('*/30 2 * * *', 'Europe/Berlin', from);
    const closed = instance('*/30 2 * * *', 'Europe/Berlin', from);
    const running = instance('*/20 2 * * *', 'Europe/Berlin', from);
    void stopped.job.stop();
    deleted.jobs.clear();
    void deleted.job.stop();
    closed.unfired.stop();
    await jest.advanceTimersByTimeAsync(2 * HOUR_MS);
    expect([stopped.calls, deleted.calls, closed.calls]).toEqual([[], [], []]);
    expect(running.calls).toEqual(['01:00:00 +500', '01:20:00 +500', '01:40:00 +500']);
  });

  it('are not those of the time before a job was started', async () => {
    const { calls, job } = instance('*/30 2 * * *', 'Europe/Berlin', '2026-10-25T00:40Z');
    void job.stop();
    await jest.advanceTimersByTimeAsync(45 * 60_000);
    job.start();
    await jest.advanceTimersByTimeAsync(2 * HOUR_MS);
    expect(calls.map((call) => call.slice(0, 8))).toEqual(['01:30:00']);
  });
});

describe('cron', () => {
  const zones: [string, string][] = [
    ['Europe/Berlin', '2026-03-29T01:00Z'],
    ['Europe/Berlin', '2026-10-25T01:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
    ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
    ['Africa/Cairo', '2026-10-29T21:00Z'],
    ['Antarctica/Troll', '2026-10-25T01:00Z'],
  ];

  it('leaves out none that is further from a change than three hours', () => {
    const left: string[] = [];
    for (const [timeZone, change] of zones) {
      const changeMs = Date.parse(change);
      for (const expression of ['0 0-23 * * *', '*/20 0,2,4 * * *', '15,45 1,2,3,5,23 * * *']) {
        const { job } = instance(expression, timeZone, new Date(changeMs - 9 * HOUR_MS).toISOString());
        const fired = new Set<number>();
        // Its timer asks for the next instant at each one.
        for (let atMs = 0; atMs < changeMs + 9 * HOUR_MS;) {
          atMs = job.nextDate().toMillis();
          fired.add(atMs);
          jest.setSystemTime(atMs);
        }
        const ticks = new Ticks(job.cronTime).between(changeMs - 9 * HOUR_MS, changeMs + 9 * HOUR_MS, 999);
        left.push(
          ...ticks
            .filter((tick) => !fired.has(tick) && Math.abs(tick - changeMs) > 3 * HOUR_MS)
            .map((tick) => `${expression} in ${timeZone}: ${new Date(tick).toISOString()}`),
        );
      }
    }
    expect(left).toEqual([]);
  });
});
