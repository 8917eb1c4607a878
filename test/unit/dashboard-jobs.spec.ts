import { describe, expect, it } from '@jest/globals';
import { dashboardJobsOf, type KnownSchedule } from '../../lib/dashboard/server/dashboard-jobs.js';
import { DueTicks } from '../../lib/dashboard/server/due-ticks.js';
import { JobSchedules } from '../../lib/dashboard/server/job-schedules.js';
import type { JobRuntime } from '../../lib/jobs/job-runtime.js';
import type { InstanceReport, ReportedTick } from '../../lib/fleet/instance-report.js';

const MINUTE_MS = 60_000;
const NOW_MS = Date.UTC(2030, 0, 1, 12, 0, 30);
const minute = (n: number): number => Date.UTC(2030, 0, 1, 12, n);

function reportOf(instance: string, ticks: ReportedTick[], upMs = 3.5 * MINUTE_MS): InstanceReport {
  const job = { name: 'nightly', method: 'Reports.nightly', schedule: '* * * * *', ticks };
  return { instance, backends: [], upMs, locks: [], jobs: [job] };
}

function everyMinute(): KnownSchedule {
  const between = (afterMs: number, untilMs: number, max: number): number[] => {
    const ticks: number[] = [];
    for (let at = Math.ceil((afterMs + 1) / MINUTE_MS) * MINUTE_MS; at <= untilMs; at += MINUTE_MS)
      ticks.push(at);
    return ticks.slice(-max);
  };
  const after = (afterMs: number): number => between(afterMs, afterMs + MINUTE_MS, 1)[0] ?? 0;
  return { due: new DueTicks({ between, after }, 30), spreadMs: 0 };
}

const outcomes = (
  reports: InstanceReport[],
  nowMs = NOW_MS,
  known: KnownSchedule | undefined = everyMinute(),
) =>
  dashboardJobsOf(reports, nowMs, () => known)[0]?.ticks.map(
    ({ at, outcome }) => `${at.slice(11, 16)} ${outcome}`,
  );

describe('the jobs of the dashboard', () => {
  it('gather many reports of one tick in linear time, but none that is not confirmed', () => {
    const ticks = Array.from({ length: 60 }, () => ({ atMs: minute(0), outcome: 'skipped' as const }));
    const reports = Array.from({ length: 2_000 }, (_, n) => reportOf(`web-${n}`, ticks));
    const lie = { ...reportOf('liar', [{ atMs: minute(0), outcome: 'ran' }]), isUnconfirmed: true };
    const [job] = dashboardJobsOf([...reports, lie], NOW_MS, () => undefined);
    expect(job?.ticks).toMatchObject([{ outcome: 'skipped' }]);
    expect(job?.ticks[0]?.instances).toHaveLength(120_000);
  });

  it('show of each tick the best that an instance made of it', () => {
    const reports = [
      reportOf('a', [
        { atMs: minute(-2), outcome: 'failed', lateMs: 3.4, durationMs: 9.6, error: 'no paper' },
        { atMs: minute(-1), outcome: 'skipped', reason: 'claimed' },
        { atMs: minute(0), outcome: 'skipped', reason: 'held' },
      ]),
      reportOf('b', [
        { atMs: minute(-2), outcome: 'skipped', reason: 'claimed' },
        { atMs: minute(-1), outcome: 'ran' },
        { atMs: minute(0), outcome: 'running' },
      ]),
    ];
    const [job] = dashboardJobsOf(reports, NOW_MS, everyMinute);
    expect(job).toMatchObject({
      name: 'nightly',
      method: 'Reports.nightly',
      schedule: '* * * * *',
      nextAt: '2030-01-01T12:01:00.000Z',
    });
    expect(job?.ticks.slice(-3).map(({ outcome }) => outcome)).toEqual(['failed', 'ran', 'running']);
    expect(job?.ticks.at(-3)?.instances).toEqual([
      { instance: 'a', outcome: 'failed', lateMs: 3, durationMs: 10, error: 'no paper' },
      { instance: 'b', outcome: 'skipped', reason: 'claimed' },
    ]);
  });

  it('miss a tick that was due while an instance was up, and that none has reported', () => {
    const reports = [
      reportOf('a', [{ atMs: minute(-3), outcome: 'ran' }]),
      reportOf('b', [{ atMs: minute(-1), outcome: 'ran' }], MINUTE_MS),
    ];
    expect(outcomes(reports)).toEqual(['11:57 ran', '11:58 missed', '11:59 ran', '12:00 missed']);
  });

  it('miss no tick that was due just now, or may still fire', () => {
    expect(outcomes([reportOf('a', [], MINUTE_MS)], minute(0) + 3_000)).toEqual([]);
    expect(outcomes([reportOf('a', [], MINUTE_MS)], minute(0) + 6_000)).toEqual(['12:00 missed']);
    const interval = { ...everyMinute(), spreadMs: MINUTE_MS };
    expect(outcomes([reportOf('a', [], MINUTE_MS)], minute(0) + 6_000, interval)).toEqual([]);
  });

  it('miss no tick that an instance may have forgotten', () => {
    const many = Array.from({ length: 60 }, (_, n) => ({ atMs: minute(n - 59), outcome: 'ran' as const }));
    const reports = [reportOf('a', many, 1_000 * MINUTE_MS), reportOf('b', [], 2_000 * MINUTE_MS)];
    expect(outcomes(reports)?.filter((outcome) => outcome.includes('missed'))).toEqual([]);
    expect(outcomes(reports)).toHaveLength(30);
  });

  it('are due when an instance with the job reports, where the queried instance does not have it', () => {
    const reports = [null, minute(0), minute(3), minute(2)].map((nextAtMs, n) => {
      const { jobs, ...report } = reportOf(`web-${n}`, []);
      return { ...report, jobs: jobs.map((job) => ({ ...job, ...(nextAtMs !== null && { nextAtMs }) })) };
    });
    const nextAt = (known?: KnownSchedule) => dashboardJobsOf(reports, NOW_MS, () => known)[0]?.nextAt;
    expect(nextAt()).toBe('2030-01-01T12:02:00.000Z');
    expect(nextAt(everyMinute())).toBe('2030-01-01T12:01:00.000Z');
  });

  it('miss no tick where the queried instance does not have them, and are not due if none reports', () => {
    const [job] = dashboardJobsOf([reportOf('a', [])], NOW_MS, () => undefined);
    expect(job).toEqual({ name: 'nightly', method: 'Reports.nightly', schedule: '* * * * *', ticks: [] });
  });
});

it('the ticks of a schedule are worked out once', () => {
  let asked = 0;
  const due = new DueTicks(
    {
      between: (afterMs, untilMs) => {
        asked += 1;
        return [100, 200, 300, 400].filter((tick) => tick > afterMs && tick <= untilMs);
      },
      after: (afterMs) => [100, 200, 300, 400].find((tick) => tick > afterMs),
    },
    3,
  );
  expect(due.between(0, 150)).toEqual([100]);
  expect(due.between(0, 199)).toEqual([100]);
  expect(asked).toBe(1);
  expect(due.between(0, 350)).toEqual([100, 200, 300]);
  expect(due.between(150, 500)).toEqual([200, 300, 400]);
  expect([due.nextMs(250), due.nextMs(300), due.nextMs(400)]).toEqual([300, 400, undefined]);
});

it('a job that is made again with the same expression has its new schedule', () => {
  const made = (tick: number, isActive: () => boolean) => ({
    text: '* * * * *',
    spreadMs: 0,
    schedule: {},
    between: () => [],
    after: () => (isActive() ? tick : undefined),
  });
  let isFirst = true;
  const [first, second] = [made(1, () => isFirst), made(2, () => true)];
  const timesOf = (): typeof first => (isFirst ? first : second);
  const schedules = new JobSchedules({ schedulers: [], ticks: { timesOf } } as unknown as JobRuntime);
  const job = { name: 'nightly', method: 'Reports.nightly' };
  expect(schedules.of(job)?.due.nextMs(0)).toBe(1);
  isFirst = false;
  expect(schedules.of(job)?.due.nextMs(0)).toBe(2);
});
