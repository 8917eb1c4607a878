import { beforeAll, expect, it, jest } from '@jest/globals';
import { useTestDatabase } from '../support/test-database.js';
import { describeWith } from './support/describe-with.js';
import { startFleet } from './support/fleet.js';
import type { JobSpec } from './workers/job-spec.js';

/** When the clocks of Berlin are put back from 03:00 to 02:00. */
const CHANGE_MS = Date.parse('2026-10-25T01:00:00Z');
const BEFORE_MS = 8_000;

const options = { timeZone: 'Europe/Berlin' };
const second: JobSpec = { name: 'each second', schedule: '* * * * * *', runMs: 1, options };
const ofTwo: JobSpec = { name: 'of the hour that comes twice', schedule: '*/2 * 2 * * *', runMs: 1, options };
const three: JobSpec = { name: 'at three', schedule: '0 3 * * *', runMs: 1, options };
const fixed: JobSpec = { name: 'at two', schedule: '0 2 * * *', runMs: 1, options };

jest.setTimeout(120_000);

const database = useTestDatabase();

describeWith('libfaketime', 'a fleet on the night in which the clocks are put back', () => {
  let runs: { job: string; tick: Date }[];

  const ticksOf = ({ name }: JobSpec): number[] =>
    runs.filter(({ job }) => job === name).map(({ tick }) => tick.getTime() - CHANGE_MS);

  beforeAll(async () => {
    const startAt = new Date(CHANGE_MS - BEFORE_MS);
    const jobs = [second, ofTwo, three, fixed];
    const { instances } = await startFleet(database, { clocks: { right: 0, fast: 300 }, jobs, startAt });
    const last = new Date(CHANGE_MS + 4_000).toISOString();
    await Promise.any(Object.values(instances).map((each) => each.reported('ran', ofTwo.name, last)));
    await Promise.all(Object.values(instances).map((each) => each.stop()));
    runs = await database.query('SELECT job, tick FROM firing WHERE ran ORDER BY tick');
  });

  it('runs a job with `*` in the minute on, each tick once, though cron has it done', () => {
    expect(ticksOf(ofTwo).filter((tick) => tick >= -2_000)).toEqual([-2_000, 0, 2_000, 4_000]);
  });

  it('runs a job of each second once a tick', () => {
    const ticks = ticksOf(second);
    expect(ticks.filter((tick) => tick >= -2_000 && tick <= 3_000)).toEqual(
      [-2, -1, 0, 1, 2, 3].map((s) => s * 1_000),
    );
    expect(new Set(ticks).size).toBe(ticks.length);
  });

  it('does not run a job of the next hour, which cron fires now as well, nor again one of the hour', () => {
    expect([...ticksOf(three), ...ticksOf(fixed)]).toEqual([]);
  });
});
