import { describe, expect, it } from '@jest/globals';
import { intervalTimes } from '../../lib/jobs/schedule/job-times.js';
import type { Scheduler } from '../../lib/jobs/schedule/scheduler.js';
import { TickLog } from '../../lib/jobs/run/tick-log.js';

const nightly = { lockName: 'report', method: 'Reports.nightly' };
const noScheduler: Scheduler[] = [];

describe('the log of ticks', () => {
  it('has what became of a tick last', () => {
    const log = new TickLog();
    log.note(nightly, { atMs: 1_000, outcome: 'running', runningSince: performance.now() - 50 });
    const [running] = log.report(noScheduler);
    expect(running).toMatchObject({ name: 'report', method: 'Reports.nightly' });
    expect(running?.ticks).toHaveLength(1);
    expect(running?.ticks[0]).toMatchObject({ outcome: 'running' });
    expect(running?.ticks[0]?.durationMs).toBeGreaterThanOrEqual(50);
    log.note(nightly, { atMs: 1_000, outcome: 'ran', durationMs: 60 });
    log.note(nightly, { atMs: 2_000, outcome: 'skipped', reason: 'claimed' });
    expect(log.report(noScheduler)).toEqual([
      {
        name: 'report',
        method: 'Reports.nightly',
        ticks: [
          { atMs: 1_000, outcome: 'ran', durationMs: 60 },
          { atMs: 2_000, outcome: 'skipped', reason: 'claimed' },
        ],
      },
    ]);
  });

  it('keeps apart jobs that share a lock', () => {
    const log = new TickLog();
    log.note(nightly, { atMs: 1_000, outcome: 'ran' });
    log.note({ ...nightly, method: 'Reports.daily' }, { atMs: 1_000, outcome: 'ran' });
    expect(log.report(noScheduler).map(({ method }) => method)).toEqual(['Reports.nightly', 'Reports.daily']);
  });

  it('remembers the latest 60 ticks of a job, and the 1,000 most recent jobs', () => {
    const log = new TickLog();
    log.add(nightly, intervalTimes(1_000));
    for (let atMs = 0; atMs < 100; atMs += 1) log.note(nightly, { atMs, outcome: 'ran' });
    expect(log.report(noScheduler)[0]?.ticks.map(({ atMs }) => atMs)).toEqual(
      Array.from({ length: 60 }, (_, n) => n + 40),
    );

    for (let n = 0; n < 998; n += 1) log.add({ lockName: `${n}`, method: `${n}` }, undefined);
    log.note(nightly, { atMs: 100, outcome: 'ran' });
    for (let n = 998; n < 1_500; n += 1) log.add({ lockName: `${n}`, method: `${n}` }, undefined);
    const report = log.report(noScheduler);
    expect(report).toHaveLength(1_000);
    expect(report.find(({ name }) => name === 'report')?.ticks).toHaveLength(3);
    expect(log.timesOf(nightly, [{} as Scheduler])?.text).toBe('every 1000 ms');
    expect(log.timesOf({ lockName: '0', method: '0' }, [{} as Scheduler])).toBeUndefined();
  });
});

describe('the times of an interval', () => {
  it('are the starts of its periods', () => {
    const times = intervalTimes(1_000)([{} as Scheduler]);
    expect(times?.between(1_500, 4_000, 10)).toEqual([2_000, 3_000, 4_000]);
    expect(times?.between(1_000, 1_999, 10)).toEqual([]);
    expect(times?.between(0, 10_000, 2)).toEqual([9_000, 10_000]);
    expect(times?.after(1_000)).toBe(2_000);
    expect(times?.after(1_999)).toBe(2_000);
  });
});
