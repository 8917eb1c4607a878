import { describe, expect, it } from '@jest/globals';
import { CronTime } from 'cron';
import * as fc from 'fast-check';
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { Calendar } from '../../lib/jobs/calendar/calendar.js';
import { parseCronExpression } from '../../lib/jobs/calendar/cron-fields.js';
import { Zone } from '../../lib/jobs/calendar/zone.js';
import { ClockOracle } from './support/clock-oracle.js';
import { clockChanges } from './support/clock-changes.js';

const HOUR_MS = 3_600_000;

const ms = (iso: string): number => new Date(iso).getTime();
const iso = (atMs: number | undefined): string =>
  atMs === undefined ? 'none' : new Date(atMs).toISOString().replace('.000Z', 'Z');
const isos = (ticks: number[]): string => ticks.map(iso).join(' ');

const ticksFrom = (calendar: Calendar, fromMs: number, untilMs: number): number[] => {
  const ticks: number[] = [];
  for (let tick = calendar.after(fromMs); tick !== undefined && tick <= untilMs; tick = calendar.after(tick))
    ticks.push(tick);
  return ticks;
};

describe('the ticks on the day of a clock change', () => {
  it.each<[string, string, string, string]>([
    ['0 3 * * *', 'Europe/Berlin', '2026-10-24T22:00Z', '02:00'],
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T22:00Z', '00:30'],
    ['0 2 * * *', 'America/New_York', '2026-11-01T04:00Z', '07:00'],
    ['0 2 * * *', 'Europe/London', '2026-10-24T23:00Z', '02:00'],
    ['0 3 * * *', 'Australia/Sydney', '2026-04-04T13:00Z', '17:00'],
    ['0 0 * * *', 'Africa/Cairo', '2026-10-29T19:00Z', '22:00'],
    ['0 * * * *', 'Europe/Berlin', '2026-10-24T23:30Z', '00:00 01:00 02:00 03:00 04:00 05:00'],
    ['0 1-4 * * *', 'Europe/Berlin', '2026-10-24T22:30Z', '23:00 00:00 02:00 03:00'],
    ['*/30 2 * * *', 'Europe/Berlin', '2026-10-24T22:00Z', '00:00 00:30 01:00 01:30'],
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T23:00Z', '01:00'],
    ['0,30 2 * * *', 'Europe/Berlin', '2026-03-28T23:00Z', '01:00'],
    ['*/30 2 * * *', 'Europe/Berlin', '2026-03-28T23:00Z', ''],
    ['20 30 2 * * *', 'Europe/Berlin', '2026-03-28T23:00Z', '01:00'],
    ['0 * * * *', 'Europe/Berlin', '2026-03-28T23:30Z', '00:00 01:00 02:00 03:00 04:00 05:00'],
    ['0 0 * * *', 'Africa/Cairo', '2026-04-23T20:00Z', '22:00'],
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00Z', '15:30'],
    ['0 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00Z', '15:30'],
    ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T12:00Z', '14:45'],
    ['*/30 1 * * *', 'Australia/Lord_Howe', '2026-04-04T12:00Z', '14:00 14:30 15:00'],
  ])('of %s in %s from %s are %s', (expression, zone, from, expected) => {
    const ticks = new Calendar(expression, Zone.named(zone)).between(ms(from), ms(from) + 6 * HOUR_MS, 99);
    expect(ticks.map((tick) => iso(tick).slice(11, 16)).join(' ')).toBe(expected);
  });

  const changes = clockChanges(2024, 2030);

  it('are in every zone those of a walk through all minutes, forward and backward', () => {
    const schedules = [
      ...['0 0-23 * * *', '0,30 1,2,3 * * *', '15 0,2,22,23 * * *', '20,40 45 2,23 * * *', '* 59 1 * * *'],
      ...['0 3 * * *', '30 0 * * *', '10-50/20 1-2 * * 0,6', '59 23 31 * *'],
      ...[
        '0 * * * *',
        '*/15 * * * *',
        '*/20 2 * * *',
        '5 */2 * * *',
        '7,37 * 0,2,23 * * *',
        '*/30 */7 1-3 * * *',
      ],
    ];
    const calendars = new Map<string, { expression: string; calendar: Calendar }[]>();
    const differences: string[] = [];
    for (const { zone, atMs } of changes) {
      const oracle = new ClockOracle(zone, atMs - 3 * HOUR_MS, atMs + 3 * HOUR_MS);
      const ofZone =
        calendars.get(zone) ??
        schedules.map((expression) => ({ expression, calendar: new Calendar(expression, Zone.named(zone)) }));
      calendars.set(zone, ofZone);
      for (const { expression, calendar } of ofZone) {
        const expected = oracle.ticksOf(expression);
        const forward = ticksFrom(calendar, oracle.fromMs - 1, oracle.untilMs - 1);
        const backward = calendar.between(oracle.fromMs - 1, oracle.untilMs - 1, Infinity);
        for (const found of [forward, backward])
          if (!isDeepStrictEqual(found, expected))
            differences.push(
              `${expression} in ${zone} at ${iso(atMs)}: ${isos(expected)}, not ${isos(found)}`,
            );
      }
    }
    expect(changes.length).toBeGreaterThan(100);
    expect(differences).toEqual([]);
  });

  it('leave out none of each second', () => {
    const at = ms('2026-10-25T01:00:00Z');
    const calendar = new Calendar('* * * * * *', Zone.named('Europe/Berlin'));
    expect(ticksFrom(calendar, at - 5_000, at + 5_000)).toEqual(
      Array.from({ length: 10 }, (_, n) => at - 4_000 + n * 1_000),
    );
  });

  it('are found over a year, where another change undoes the first', () => {
    const calendar = new Calendar('*/30 2 25 10 *', Zone.named('Europe/Berlin'));
    const ticks = ticksFrom(calendar, ms('2026-10-25T00:30:00Z'), ms('2028-01-01T00:00:00Z'));
    expect(ticks.map(iso)).toEqual([
      '2026-10-25T01:00:00Z',
      '2026-10-25T01:30:00Z',
      '2027-10-25T00:00:00Z',
      '2027-10-25T00:30:00Z',
    ]);
  });
});

const number = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const part = (min: number, max: number): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant('*'),
    number(1, max + 5).map((step) => `*/${String(step)}`),
    number(min, max).map(String),
    fc.tuple(number(min, max), number(1, 9)).map(([from, step]) => `${String(from)}/${String(step)}`),
    fc.tuple(number(min, max), number(0, 9)).map(([from, more]) => `${String(from)}-${String(from + more)}`),
    fc
      .tuple(number(min, max), number(0, 20), number(0, 4))
      .map(([from, more, step]) => `${String(from)}-${String(from + more)}/${String(step)}`),
  );
const field = (min: number, max: number): fc.Arbitrary<string> =>
  fc.oneof(
    part(min, max),
    fc.array(part(min, max), { minLength: 1, maxLength: 3 }).map((parts) => parts.join(',')),
  );
const named = (names: string[], other: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ weight: 1, arbitrary: fc.constantFrom(...names) }, { weight: 3, arbitrary: other });
const expressions = fc
  .tuple(
    fc.option(field(0, 59), { nil: '' }),
    field(0, 59),
    field(0, 23),
    field(1, 31),
    named(['jan', 'FEB-oct', 'mar,Dec/2'], field(1, 12)),
    named(['sun', 'MON-fri', 'sat,7', '5-7'], field(0, 7)),
  )
  .map((fields) => fields.join(' '));
const noise = fc
  .array(
    fc.constantFrom(
      '*',
      '0',
      '59',
      '/',
      '-',
      ',',
      ' ',
      ' ',
      'mon',
      'x',
      '@daily',
      '?',
      'L',
      '#',
      '60',
      '\t',
      ' * * *',
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));
const presets = fc.constantFrom(
  ...[
    'yearly',
    'monthly',
    'weekly',
    'daily',
    'HOURLY',
    'minutely',
    'secondly',
    'weekdays',
    'weekends',
    'x',
  ].map((name) => `@${name}`),
);

const UNITS = ['second', 'minute', 'hour', 'dayOfMonth', 'month', 'dayOfWeek'] as const;

/** The fields as `cron` itself reads them; `refused` where it does. */
function fieldsOfCron(expression: string): object | 'refused' {
  try {
    const time = new CronTime(expression) as unknown as Record<string, Record<string, true>>;
    return Object.fromEntries(UNITS.map((unit) => [unit, Object.keys(time[unit] ?? {}).map(Number)]));
  } catch {
    return 'refused';
  }
}

function fieldsHere(expression: string): object | 'refused' {
  try {
    const fields = parseCronExpression(expression);
    return Object.fromEntries(UNITS.map((unit) => [unit, fields[unit]]));
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'LOCK_CONFIGURATION');
    return 'refused';
  }
}

describe('an expression', () => {
  it('is read, or refused, as cron does', () => {
    fc.assert(
      fc.property(fc.oneof(expressions, presets, noise), (expression) => {
        assert.deepEqual(fieldsHere(expression), fieldsOfCron(expression));
      }),
      { numRuns: 1_000 },
    );
  });

  it('names the instants that cron names, far from clock changes', () => {
    const starts = fc.integer({
      min: ms('2026-04-20T00:00:00Z') / 1_000,
      max: ms('2026-09-01T00:00:00Z') / 1_000,
    });
    const zones = fc.constantFrom(
      'Europe/Berlin',
      'America/New_York',
      'Asia/Kathmandu',
      'UTC',
      'utc+3',
      'UTC-03:30',
    );
    let compared = 0;
    fc.assert(
      fc.property(expressions, zones, starts, (expression, zone, start) => {
        fc.pre(fieldsOfCron(expression) !== 'refused');
        const time = new CronTime(expression, zone);
        const calendar = new Calendar(expression, Zone.named(zone));
        let fromMs = start * 1_000;
        for (let n = 0; n < 4; n += 1) {
          const next = calendar.after(fromMs);
          if (next === undefined || next > ms('2026-10-01T00:00:00Z')) return;
          assert.equal(iso(next), iso(time.getNextDateFrom(new Date(fromMs), zone).toMillis()));
          assert.equal(calendar.at(next), next);
          compared += 1;
          fromMs = next;
        }
      }),
      { numRuns: 200 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  it('without an instant has no ticks', () => {
    const calendar = new Calendar('0 0 30 2 *', Zone.named('UTC'));
    expect([calendar.after(0), calendar.at(ms('2026-01-01T00:00:00Z'))]).toEqual([undefined, undefined]);
  });

  it.each(['', 'x', '* * * *', '60 * * * *', '* * * * * * *', '*/0 * * * *', '5-1 * * * *', '0 0 L * *'])(
    'that is wrong is refused: %j',
    (expression) => {
      expect(() => parseCronExpression(expression)).toThrow(JSON.stringify(expression));
    },
  );
});

describe('a zone', () => {
  it('that does not exist is refused', () => {
    expect(() => Zone.named('Europe/Atlantis')).toThrow(
      'A time zone must be one of the tz database, such as Europe/Berlin, received "Europe/Atlantis".',
    );
  });

  it('may be that of the machine, or an offset', () => {
    const now = ms('2026-05-05T10:00:00Z');
    expect(Zone.named('system').offsetAt(now)).toBe(0 - new Date(now).getTimezoneOffset() * 60_000);
    expect(
      ['UTC', 'gmt', 'utc+5:45', 'UTC-3', 'UTC-03:30'].map((name) => Zone.named(name).offsetAt(now)),
    ).toEqual([0, 0, 5.75 * HOUR_MS, -3 * HOUR_MS, -3.5 * HOUR_MS]);
  });
});
