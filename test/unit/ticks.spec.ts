import { describe, expect, it } from '@jest/globals';
import { CronTime } from 'cron';
import * as fc from 'fast-check';
import { periodStart } from '../../lib/jobs/schedule/period.js';
import { Ticks } from '../../lib/jobs/schedule/ticks.js';

const RUNS = Number(process.env.TICK_RUNS ?? 60);

const ms = (iso: string): number => new Date(iso).getTime();
const iso = (atMs: number | undefined): string | undefined =>
  atMs === undefined ? undefined : new Date(atMs).toISOString().replace('.000Z', 'Z');
const ticksOf = (expression: string, timeZone = 'UTC'): Ticks =>
  new Ticks(new CronTime(expression, timeZone));

describe('the tick of an instant', () => {
  it.each<[string, string, string, string]>([
    ['* * * * * *', 'UTC', '2026-05-05T10:00:11.000Z', '2026-05-05T10:00:11Z'],
    ['* * * * * *', 'UTC', '2026-05-05T10:00:11.700Z', '2026-05-05T10:00:11Z'],
    ['* * * * * *', 'UTC', '2026-05-05T10:00:11.999Z', '2026-05-05T10:00:11Z'],
    ['*/15 * * * * *', 'UTC', '2026-05-05T10:00:44.999Z', '2026-05-05T10:00:30Z'],
    ['7,9 * * * * *', 'UTC', '2026-05-05T10:00:06.000Z', '2026-05-05T09:59:09Z'],
    ['* * * * *', 'UTC', '2026-05-05T10:00:59.999Z', '2026-05-05T10:00:00Z'],
    ['* * 0-5 * * *', 'UTC', '2026-05-05T18:00:00.000Z', '2026-05-05T05:59:59Z'],
    ['0 3 * * *', 'UTC', '2026-05-05T02:59:59.999Z', '2026-05-04T03:00:00Z'],
    ['0 3 * * *', 'Europe/Berlin', '2026-05-05T01:00:00.001Z', '2026-05-05T01:00:00Z'],
    ['0 3 * * *', 'Asia/Kathmandu', '2026-05-05T22:00:00.000Z', '2026-05-05T21:15:00Z'],
    ['0 0 * * 1-5', 'UTC', '2026-05-10T12:00:00.000Z', '2026-05-08T00:00:00Z'],
    ['0 0 31 * *', 'UTC', '2026-07-30T12:00:00.000Z', '2026-05-31T00:00:00Z'],
    ['0 0 1 1 *', 'America/New_York', '2026-12-31T12:00:00.000Z', '2026-01-01T05:00:00Z'],
    ['0 0 29 2 *', 'UTC', '2026-05-05T10:00:00.000Z', '2024-02-29T00:00:00Z'],
    ['@hourly', 'UTC', '2026-05-05T10:30:00.000Z', '2026-05-05T10:00:00Z'],
  ])('%s in %s at %s is %s', (expression, zone, at, tick) => {
    expect(iso(ticksOf(expression, zone).at(ms(at)))).toBe(tick);
  });

  it.each([
    [0, '2026-05-05T03:00:00Z'],
    [90, '2026-05-05T01:30:00Z'],
    [-30, '2026-05-05T03:30:00Z'],
    [-570, '2026-05-04T12:30:00Z'],
    [840, '2026-05-04T13:00:00Z'],
  ])('counts a utcOffset of %d minutes', (utcOffset, tick) => {
    const ticks = new Ticks(new CronTime('0 3 * * *', null, utcOffset));
    expect(iso(ticks.at(ms('2026-05-05T04:00:00Z')))).toBe(tick);
  });

  it('is that of the zone of the machine when none is given', () => {
    const local = new Date(2026, 4, 5, 3, 0, 0);
    expect(new Ticks(new CronTime('0 3 * * *')).at(local.getTime() + 10)).toBe(local.getTime());
  });

  it('is the date itself of a date, and none before it', () => {
    const date = new Date('2026-05-05T10:00:00.123Z');
    const ticks = new Ticks(new CronTime(date));
    expect([date.getTime() - 1, date.getTime(), date.getTime() + 9e9].map((at) => iso(ticks.at(at)))).toEqual(
      [undefined, '2026-05-05T10:00:00.123Z', '2026-05-05T10:00:00.123Z'],
    );
    expect([ticks.after(0), ticks.after(date.getTime())]).toEqual([date.getTime(), undefined]);
    expect(ticks.between(0, date.getTime(), 9)).toEqual([date.getTime()]);
    expect(ticks.periodMs(date.getTime())).toBe(Infinity);
  });
});

describe('ticks in a row', () => {
  it('are those after the first instant up to the second', () => {
    const missed = ticksOf('0 3 * * *').between(ms('2026-05-01T03:00:00Z'), ms('2026-05-04T03:00:00Z'), 9);
    expect(missed.map(iso)).toEqual(['2026-05-02T03:00:00Z', '2026-05-03T03:00:00Z', '2026-05-04T03:00:00Z']);
  });

  it('are the newest of too many, and cost no more than these', () => {
    const missed = ticksOf('* * * * * *').between(0, ms('2026-05-04T03:00:00.900Z'), 2);
    expect(missed.map(iso)).toEqual(['2026-05-04T02:59:59Z', '2026-05-04T03:00:00Z']);
  });

  it('are none between two ticks, and none backwards', () => {
    const hourly = ticksOf('0 * * * *');
    expect(hourly.between(ms('2026-05-04T03:00:00Z'), ms('2026-05-04T03:59:59Z'), 9)).toEqual([]);
    expect(hourly.between(ms('2026-05-04T09:00:00Z'), ms('2026-05-04T03:00:00Z'), 9)).toEqual([]);
  });

  it.each([
    ['* * * * * *', '2026-05-04T03:00:00Z', 1_000],
    ['0 3 * * *', '2026-05-04T03:00:00Z', 86_400_000],
    ['0,5 3 * * * *', '2026-05-04T03:03:00Z', 5_000],
    ['0,5 3 * * * *', '2026-05-04T03:03:05Z', 5_000],
    ['0 9,10 * * 1', '2026-05-04T10:00:00Z', 3_600_000],
  ])('%s has a period around %s of %d ms', (expression, tick, period) => {
    expect(ticksOf(expression).periodMs(ms(tick))).toBe(period);
  });
});

const list = (values: readonly number[]): string => [...new Set(values)].sort((a, b) => a - b).join(',');
const field = (min: number, max: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min: 2, max: Math.max(2, Math.floor(max / 2)) }).map((step) => `*/${String(step)}`),
    fc.array(fc.integer({ min, max }), { minLength: 1, maxLength: 3 }).map(list),
  );
const expressions = fc
  .tuple(
    field(0, 59),
    field(0, 59),
    field(0, 23),
    fc.oneof(fc.constant('*'), field(1, 28)),
    fc.oneof(fc.constant('*'), field(1, 12)),
    fc.oneof(fc.constant('*'), field(0, 6)),
  )
  .map((fields) => fields.join(' '));
const instants = fc.integer({ min: ms('2020-01-01T00:00:00Z'), max: ms('2030-01-01T00:00:00Z') });

/** A `cron` timer for the next instant after its clock's time, that fires so many milliseconds late. */
function fire(ticks: Ticks, clockMs: number, lateMs: readonly number[]): { dueMs: number; atMs: number }[] {
  let nowMs = clockMs;
  return lateMs.map((late) => {
    const dueMs = ticks.after(nowMs) ?? NaN;
    nowMs = dueMs + late;
    return { dueMs, atMs: nowMs };
  });
}

describe('the ticks of a fleet', () => {
  it('are the newest that the clock has reached', () => {
    fc.assert(
      fc.property(expressions, instants, (expression, at) => {
        const ticks = ticksOf(expression);
        const tick = ticks.at(at) ?? NaN;
        expect(tick).toBeLessThanOrEqual(at);
        expect(ticks.after(tick)).toBeGreaterThan(at);
        expect(ticks.after(tick - 1)).toBe(tick);
      }),
      { numRuns: RUNS },
    );
  });

  it('are the same in all instances, by any clock and for any delay within the period', () => {
    const instance = fc.record({
      skewMs: fc.integer({ min: -5_000, max: 5_000 }),
      lateness: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 12, maxLength: 12 }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom('* * * * * *', '*/2 * * * * *', '*/7 * * * * *', '0,1,30 * * * * *'),
        instants,
        fc.array(instance, { minLength: 2, maxLength: 4 }),
        (expression, start, fleet) => {
          const ticks = ticksOf(expression);
          for (const { skewMs, lateness } of fleet) {
            let nowMs = start + skewMs;
            for (const part of lateness) {
              const dueMs = ticks.after(nowMs) ?? NaN;
              nowMs = dueMs + Math.floor(part * ((ticks.after(dueMs) ?? NaN) - dueMs));
              expect(ticks.at(nowMs)).toBe(dueMs);
            }
          }
        },
      ),
      { numRuns: Math.ceil(RUNS / 3) },
    );
  });

  it('are never repeated in an instance that fires later than a period', () => {
    const lateness = fc.array(fc.integer({ min: 0, max: 9_000 }), { minLength: 6, maxLength: 12 });
    fc.assert(
      fc.property(
        fc.constantFrom('* * * * * *', '*/4 * * * * *'),
        instants,
        lateness,
        (expression, start, late) => {
          const ticks = ticksOf(expression);
          const found = fire(ticks, start, late).map(({ atMs }) => ticks.at(atMs));
          expect(new Set(found).size).toBe(late.length);
        },
      ),
      { numRuns: Math.ceil(RUNS / 3) },
    );
  });
});

describe('the slot of an interval', () => {
  it('begins at a multiple of the period', () => {
    expect([0, 999, 1_000, 29_999, 30_000].map((at) => periodStart(at, 1_000))).toEqual([
      0, 0, 1_000, 29_000, 30_000,
    ]);
    expect(periodStart(ms('2026-05-05T10:00:44.999Z'), 30_000)).toBe(ms('2026-05-05T10:00:30Z'));
  });
});
