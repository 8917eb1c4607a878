import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Scheduler } from '../../lib/jobs/schedule/scheduler.js';
import { StarvedJobMonitor } from '../../lib/jobs/run/starved-job-monitor.js';
import { intervalTimes } from '../../lib/jobs/schedule/job-times.js';
import { TickLog } from '../../lib/jobs/run/tick-log.js';
import { LockKey } from '../../lib/core/index.js';
import type { Fleet } from '../../lib/fleet/fleet.js';
import { LogLines } from '../e2e/support/log-lines.js';

const job = { lockName: 'report', method: 'Reports.nightly' };
const key = LockKey.of(42n, 'report');

/** A job of each second, or of another period, and a fleet that says for how long its lock has been held. */
function watchedJob(warnAfterTicks = 3, periodMs = 1_000) {
  let nowMs = 1_000_000;
  let heldSinceMs = nowMs + 1;
  let looks = 0;
  const fleet = {
    inspect() {
      looks += 1;
      const heldMs = nowMs - heldSinceMs;
      return Promise.resolve({
        now: new Date(nowMs),
        locks: [{ key, isGranted: true, instance: 'web-2:17', backend: { pid: 7 }, heldMs }],
      });
    },
  } as unknown as Fleet;
  const ticks = new TickLog();
  ticks.add(job, intervalTimes(periodMs));
  const log = new LogLines();
  Logger.overrideLogger(log);
  jest.spyOn(Date, 'now').mockImplementation(() => nowMs);
  const jobs = new StarvedJobMonitor(fleet, ticks, () => [{} as Scheduler], warnAfterTicks);
  return {
    looks: () => looks,
    /** After how many ticks it was warned. */
    warnings: () => log.matching(/left out/).map((line) => / for (.+) ticks/.exec(line)?.[1]),
    isTakenAnew: () => {
      heldSinceMs = nowMs + 1;
    },
    leaveOut: async (count: number) => {
      for (let n = 0; n < count; n += 1) {
        nowMs += periodMs;
        await jobs.check(job, key, nowMs);
      }
    },
  };
}

afterEach(() => {
  jest.restoreAllMocks();
  Logger.overrideLogger(true);
});

describe('a job that is left out', () => {
  it('is warned of after some ticks, and when they have doubled', async () => {
    const { leaveOut, warnings } = watchedJob();
    await leaveOut(2);
    expect(warnings()).toEqual([]);
    await leaveOut(1);
    expect(warnings()).toEqual(['3']);
    await leaveOut(21);
    expect(warnings()).toEqual(['3', '6', '12', '24']);
  });

  it('is logged again when the lock was taken again', async () => {
    const { leaveOut, isTakenAnew, warnings } = watchedJob();
    await leaveOut(12);
    isTakenAnew();
    await leaveOut(3);
    expect(warnings().slice(0, 3)).toEqual(['3', '6', '12']);
    await leaveOut(3);
    expect(warnings()[3]).toMatch(/^[3-6]$/);
  });

  it('is not warned of while its lock changes hands', async () => {
    const { leaveOut, isTakenAnew, warnings, looks } = watchedJob();
    for (let n = 0; n < 20; n += 1) {
      await leaveOut(2);
      isTakenAnew();
    }
    expect(warnings()).toEqual([]);
    // It is looked when there may be something to see, not at each tick.
    expect(looks()).toBeLessThan(40);
  });

  it('is not warned of within a second, however often it is due', async () => {
    const { leaveOut, warnings, looks } = watchedJob(3, 10);
    await leaveOut(99);
    expect(warnings()).toEqual([]);
    expect(looks()).toBeLessThan(5);
    await leaveOut(2);
    expect(warnings()).toEqual(['100 or more']);
  });

  it('is not looked at with 0', async () => {
    const { leaveOut, warnings, looks } = watchedJob(0);
    await leaveOut(10);
    expect({ warnings: warnings(), looks: looks() }).toEqual({ warnings: [], looks: 0 });
  });
});
