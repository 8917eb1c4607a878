import { beforeAll, expect, it, jest } from '@jest/globals';
import { CronTime } from 'cron';
import { setTimeout as sleep } from 'node:timers/promises';
import { Ticks } from '../../lib/jobs/schedule/ticks.js';
import { useTestDatabase } from '../support/test-database.js';
import { describeWith } from './support/describe-with.js';
import { startFleet } from './support/fleet.js';
import type { JobSpec } from './workers/job-spec.js';

/** For long runs: how many ticks of each second every instance has, and by how much clocks are wrong. */
const TICKS = Number(process.env.CLOCK_TICKS ?? 6);
const SKEW_MS = Number(process.env.CLOCK_SKEW_MS ?? 2_000);

/** When the clocks of Berlin are put forward; soon after the start. */
const CHANGE = new Date('2026-03-29T01:00:00Z');

const clocks = { fast: SKEW_MS / 2, slow: -SKEW_MS, near: -0.07 * SKEW_MS, stepped: 0 };

/** What the stepped clock goes through, over and over, as shares of the skew. */
const STEPS = [0.84, -0.74, 0.18, -1, 1, 0];
const STEP_MS = 2_600;

const berlin = { timeZone: 'Europe/Berlin' };
const once: JobSpec[] = [
  { name: 'every second', schedule: '* * * * * *', runMs: 1 },
  { name: 'every second of Berlin', schedule: '* * * * * *', runMs: 120, options: berlin },
  { name: 'one that waits', schedule: '* * * * * *', runMs: 20, options: { waitForCompletion: true } },
  { name: 'a remembered one', schedule: '* * * * * *', runMs: 1, options: { onCrash: 'skip' } },
  { name: 'a queued one', schedule: '* * * * * *', runMs: 60, options: { overlap: 'queue' } },
  { name: 'every other second', schedule: '*/2 * * * * *', runMs: 500 },
  { name: 'every fifth second', schedule: '*/5 * * * * *', runMs: 1_500, options: { utcOffset: -330 } },
  {
    name: 'some seconds',
    schedule: '0,1,2,4,7,30-50 * * * * *',
    runMs: 5,
    options: { timeZone: 'Australia/Lord_Howe' },
  },
  { name: 'every minute', schedule: '* * * * *', runMs: 3_000 },
  { name: 'in the hour that is missing', schedule: '30 2 * * *', runMs: 1, options: berlin },
];
const long = (['skip', 'queue', 'elsewhere'] as const).map((overlap) => ({
  name: `long, ${overlap}`,
  schedule: '* * * * * *',
  runMs: 1_700,
  options: { overlap },
}));
const interval: JobSpec = { name: 'an interval', schedule: 1_000, runMs: 1 };
const plain: JobSpec = { name: 'plain', schedule: '* * * * * *', runMs: 1, options: { tick: 'none' } };

interface Firing {
  job: string;
  tick: Date;
  late: number;
  ran: boolean;
  started: Date;
  ended: Date;
}

/** For how long a tick of each second waits for the run of another, and as long again to report it. */
const GRACE_MS = 1_000;

// While the fleet starts, the ticks that are over by the fastest clock run on
// the slowest, beside those that are due.
const STARTING_MS = 2 * SKEW_MS;
const RUNNING_MS = STARTING_MS + TICKS * 1_000 + 2 * SKEW_MS;

jest.setTimeout(RUNNING_MS + 180_000);

const database = useTestDatabase();

describeWith('libfaketime', 'a fleet whose clocks differ, and one of them is stepped while it runs', () => {
  let firings: Firing[];
  /** By the fleet's clock; each instance fires all ticks between. */
  let from: number;
  let until: number;

  const runsOf = (job: JobSpec): Firing[] => firings.filter(({ job: name, ran }) => name === job.name && ran);
  const ranFor = (job: JobSpec): number[] =>
    runsOf(job)
      .map(({ tick }) => tick.getTime())
      .sort((one, other) => one - other);
  const inWindow = (ticks: number[]): number[] => ticks.filter((tick) => tick > from && tick <= until);
  const twice = (ticks: number[]): number[] => ticks.filter((tick, index) => tick === ticks[index - 1]);
  const expected = ({ schedule, options = {} }: JobSpec): number[] => {
    const { timeZone = 'UTC', utcOffset } = options;
    const source = String(schedule);
    const time =
      utcOffset === undefined ? new CronTime(source, timeZone) : new CronTime(source, null, utcOffset);
    return new Ticks(time).between(from, until, 100_000);
  };

  /** Whether the job ran for another tick while an instance waited to run it for this one. */
  const wasKeptOut = (job: JobSpec, tick: number): boolean => {
    const isFor = (firing: Firing): boolean => firing.job === job.name && firing.tick.getTime() === tick;
    return firings
      .filter(isFor)
      .some(({ started: leftAt }) =>
        runsOf(job).some(
          ({ started, ended }) => started < leftAt && ended.getTime() > leftAt.getTime() - GRACE_MS,
        ),
      );
  };

  beforeAll(async () => {
    const startAt = new Date(CHANGE.getTime() - STARTING_MS - SKEW_MS - 4_000);
    const jobs = [...once, ...long, interval, plain];
    const { instances, aheadMs } = await startFleet(database, { clocks, jobs, startAt });
    from = Date.now() + aheadMs + STARTING_MS + SKEW_MS;
    const endsAt = performance.now() + RUNNING_MS;
    for (let step = 0; performance.now() < endsAt; step += 1) {
      instances.stepped.setClock((STEPS[step % STEPS.length] ?? 0) * SKEW_MS);
      await sleep(Math.min(STEP_MS, endsAt - performance.now()));
    }
    until = Date.now() + aheadMs - SKEW_MS;
    await Promise.all(Object.values(instances).map((instance) => instance.stop()));
    firings = await database.query<Firing>('SELECT * FROM firing ORDER BY started');
    if (process.env.CLOCK_TICKS !== undefined) report(jobs);
  });

  // On a machine that is very busy, ticks come together and hold the lock for
  // longer than the others wait for it.
  it.each(once)('runs $name once a tick, but for ticks that another has kept from the lock', (job) => {
    expect(twice(ranFor(job))).toEqual([]);
    const ran = new Set(ranFor(job));
    expect(expected(job).filter((tick) => !ran.has(tick) && !wasKeptOut(job, tick))).toEqual([]);
  });

  it.each(long)('runs $name, at most once a tick, and one run at a time', (job) => {
    expect(twice(ranFor(job))).toEqual([]);
    const runs = runsOf(job);
    const overlaps = runs.filter(({ started }, index) => started < (runs[index - 1]?.ended ?? started));
    expect(overlaps).toEqual([]);
    expect(runs.length).toBeGreaterThan(1);
  });

  it('runs an interval once in each period in which an instance fires', () => {
    const periods = ranFor(interval);
    expect(twice(periods)).toEqual([]);
    expect(periods.filter((at) => at % 1_000 !== 0)).toEqual([]);
    const fired = firings.filter(({ job }) => job === interval.name).map(({ tick }) => tick.getTime());
    const ran = new Set(periods);
    expect(inWindow(fired).filter((at) => !ran.has(at) && !wasKeptOut(interval, at))).toEqual([]);
    expect(inWindow(periods)).not.toEqual([]);
  });

  it('runs ticks twice where the lock is all there is, which shows that this test can fail', () => {
    expect(twice(ranFor(plain)).length).toBeGreaterThan(TICKS);
  });

  /** What a long run has shown. */
  function report(jobs: JobSpec[]): void {
    const rows = jobs.map((job) => {
      const ticks = ranFor(job);
      const ran = new Set(inWindow(ticks));
      const due = job === interval ? Math.floor((until - from) / 1_000) : expected(job).length;
      const skips = firings.filter(({ job: name, ran: hasRun }) => name === job.name && !hasRun);
      const lateMs = Math.max(
        ...firings.filter(({ job: name }) => name === job.name).map(({ late }) => late),
      );
      const { name: jobName, runMs } = job;
      const counts = { due, leftOut: due - ran.size, twice: twice(ticks).length, runs: ticks.length };
      return { job: jobName, runMs, ...counts, skips: skips.length, lateMs };
    });
    process.stderr.write(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
  }
});
