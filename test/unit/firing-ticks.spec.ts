import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CronJob } from 'cron';
import { FiringTicks, NO_TICK } from '../../lib/jobs/schedule/firing-ticks.js';
import { defer } from '../support/cleanup.js';

/** `tick +lateness`, or `by hand`, of each call; `cron` itself runs, on a clock and timers of the test. */
function record(cronTime: string | Date, options: { timeZone?: string; waitForCompletion?: boolean } = {}) {
  const calls: string[] = [];
  const firings = new FiringTicks();
  const body = { run: (): void | Promise<void> => undefined };
  const job = CronJob.from({
    cronTime,
    ...options,
    start: true,
    onTick: () => {
      const tick = firings.tickOf(job);
      if (tick === NO_TICK) calls.push('no tick');
      else calls.push(tick === undefined ? 'by hand' : `${time(tick.atMs)} +${String(tick.lateMs)}`);
      return body.run();
    },
  });
  defer(() => void job.stop());
  return { job, calls, body };
}

const time = (atMs: number): string => new Date(atMs).toISOString().slice(11, 23).replace('.000', '');
const at = (text: string): void => {
  jest.setSystemTime(new Date(text));
};

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate', 'performance'] });
  jest.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe('the tick of a firing', () => {
  it('is its own when the event loop was busy for most of the period', async () => {
    at('2026-05-05T10:00:10.400Z');
    const { calls } = record('* * * * * *');
    await jest.advanceTimersByTimeAsync(600);
    at('2026-05-05T10:00:11.700Z');
    await jest.advanceTimersByTimeAsync(0);
    expect(calls).toEqual(['10:00:11 +0']);
    // The timer for 12 is due 1000 ms after it was set; 700 of them have passed while the loop was busy.
    at('2026-05-05T10:00:11.950Z');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(calls).toEqual(['10:00:11 +0', '10:00:12 +950']);
  });

  it('is the newest when it is later than a period, and is not repeated', async () => {
    at('2026-05-05T10:00:10.400Z');
    const { calls } = record('* * * * * *');
    at('2026-05-05T10:00:12.800Z');
    await jest.advanceTimersByTimeAsync(600);
    await jest.advanceTimersByTimeAsync(600);
    expect(calls).toEqual(['10:00:13 +400', '10:00:14 +0']);
  });

  it('is its own when the timer wakes early', async () => {
    at('2026-05-05T10:00:10.400Z');
    const { calls } = record('* * * * * *');
    at('2026-05-05T10:00:10.399Z');
    await jest.advanceTimersByTimeAsync(600);
    expect(calls).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(calls).toEqual(['10:00:11 +0']);
  });

  it('is the same again when the clock was put back', async () => {
    at('2026-05-05T10:00:10.400Z');
    const { calls } = record('* * * * * *');
    await jest.advanceTimersByTimeAsync(1_600);
    at('2026-05-05T10:00:10.000Z');
    await jest.advanceTimersByTimeAsync(3_000);
    expect(calls).toEqual(['10:00:11 +0', '10:00:12 +0', '10:00:12 +0', '10:00:13 +0']);
  });

  it('is the newer for both when a timer is so late that cron fires two in one go', async () => {
    at('2026-05-05T10:00:09.500Z');
    const { calls, job } = record('* * * * * *');
    // The clock passes a second between the two looks that cron takes at it.
    const sendAt = job.cronTime.sendAt.bind(job.cronTime);
    jest.spyOn(job.cronTime, 'sendAt').mockImplementationOnce(() => {
      const next = sendAt();
      at('2026-05-05T10:00:11.001Z');
      return next as never;
    });
    at('2026-05-05T10:00:10.499Z');
    await jest.advanceTimersByTimeAsync(500);
    expect(calls).toEqual(['10:00:11 +1', '10:00:11 +1']);
    await job.fireOnTick();
    expect(calls.at(-1)).toBe('by hand');
  });

  it('is the date of a date, to the millisecond', async () => {
    at('2026-05-05T10:00:10.000Z');
    const { calls } = record(new Date('2026-05-05T10:00:10.250Z'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(calls).toEqual(['10:00:10.250 +0']);
  });

  it('is found when cron sets its timer more than once, as Node waits for 24 days at most', async () => {
    at('2026-05-05T10:00:00.000Z');
    const { calls } = record('0 0 29 9 *', { timeZone: 'UTC' });
    await jest.advanceTimersByTimeAsync(147 * 86_400_000);
    expect(calls).toEqual(['00:00:00 +0']);
  });

  it('is none before the timer has fired, and none of a call by hand later', async () => {
    at('2026-05-05T10:00:10.400Z');
    const { calls, job } = record('* * * * *');
    await job.fireOnTick();
    await jest.advanceTimersByTimeAsync(60_000);
    await job.fireOnTick();
    await job.fireOnTick();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(calls).toEqual(['by hand', '10:01:00 +0', 'by hand', 'by hand', '10:02:00 +0']);
  });

  it('is known after a run that made cron skip firings', async () => {
    at('2026-05-05T10:00:10.400Z');
    const { calls, body } = record('* * * * * *', { waitForCompletion: true });
    body.run = () => new Promise((resolve) => setTimeout(resolve, 2_500));
    await jest.advanceTimersByTimeAsync(3_600);
    expect(calls).toEqual(['10:00:11 +0', '10:00:14 +0']);
  });
});

// Real firings, because `cron` returns other times before, in and after the hour: Luxon takes ambiguous times
// by the present offset.
/**
 * Each line: schedule, zone, from when on for six hours, and the tick of each firing, if it has one, in UTC.
 */
describe('around a change of the clocks', () => {
  const hours = 6;
  it.each<[string, string, string, string]>([
    ['0 * * * *', 'Europe/Berlin', '2026-03-28T23:30Z', '00:00 01:00 02:00 03:00 04:00 05:00'],
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T23:30Z', '01:00'],
    ['15 1,2,3 * * *', 'Europe/Berlin', '2026-03-28T23:30Z', '00:15 01:00 01:15'],
    ['0 3 * * *', 'Europe/Berlin', '2026-03-28T23:30Z', '01:00'],
    ['0 * * * *', 'Europe/Berlin', '2026-10-24T22:30Z', '23:00 00:00 01:00 02:00 03:00 04:00'],
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T22:30Z', '00:30'],
    ['0 3 * * *', 'Europe/Berlin', '2026-10-24T22:30Z', 'none 02:00'],
    ['30 2 * * *', 'America/New_York', '2026-03-08T05:30Z', '07:00'],
    ['*/30 1-3 * * *', 'America/New_York', '2026-03-08T05:30Z', '06:00 06:30 07:00 07:30'],
    ['*/30 2 * * *', 'America/New_York', '2026-03-08T05:30Z', 'none'],
    ['30 1 * * *', 'America/New_York', '2026-11-01T04:30Z', '05:30'],
    ['30 2 * * *', 'America/New_York', '2026-11-01T04:30Z', 'none 07:30'],
    ['*/30 1 * * *', 'America/New_York', '2026-11-01T04:15Z', '05:00 05:30'],
    [
      '*/30 * * * *',
      'Australia/Lord_Howe',
      '2026-10-03T14:15Z',
      '14:30 15:00 15:30 16:00 16:30 17:00 17:30 18:00 18:30 19:00 19:30 20:00',
    ],
    ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T13:30Z', '14:45'],
    [
      '*/30 * * * *',
      'Australia/Lord_Howe',
      '2026-04-04T13:45Z',
      '14:00 14:30 15:00 15:30 16:00 16:30 17:00 17:30 18:00 18:30 19:00 19:30',
    ],
  ])('%s in %s from %s on fires the ticks %s', async (expression, timeZone, from, expected) => {
    at(from);
    const { calls } = record(expression, { timeZone });
    await jest.advanceTimersByTimeAsync(hours * 3_600_000);
    expect(calls).toEqual(expected.split(' ').map((tick) => (tick === 'none' ? 'no tick' : `${tick}:00 +0`)));
  });

  it('takes what cron fires half an hour after the end of a gap for a late firing', async () => {
    at('2026-10-03T13:30Z');
    const { calls } = record('15 2 * * *', { timeZone: 'Australia/Lord_Howe' });
    await jest.advanceTimersByTimeAsync(hours * 3_600_000);
    expect(calls).toEqual(['no tick', '15:30:00 +900000']);
  });

  it('counts a repeated half hour in both', async () => {
    at('2026-04-04T14:35:00.000Z');
    const { calls } = record('*/10 * * * *', { timeZone: 'Australia/Lord_Howe' });
    await jest.advanceTimersByTimeAsync(3_600_000);
    const tens = ['14:40', '14:50', '15:00', '15:10', '15:20', '15:30'];
    expect(calls).toEqual(tens.map((tick) => `${tick}:00 +0`));
  });

  it('a daily job of an instance that starts in the repeated hour has no tick', async () => {
    at('2026-10-25T01:10:00.000Z');
    const { calls } = record('30 2 * * *', { timeZone: 'Europe/Berlin' });
    await jest.advanceTimersByTimeAsync(hours * 3_600_000);
    expect(calls).toEqual(['no tick']);
  });
});

describe('a firing that is held up', () => {
  it('is late for its tick, also before a change of the clocks', async () => {
    at('2026-10-24T23:59:50.000Z');
    const { calls } = record('30 2 * * *', { timeZone: 'Europe/Berlin' });
    await jest.advanceTimersByTimeAsync(60_000);
    at('2026-10-25T00:50:00.000Z');
    await jest.advanceTimersByTimeAsync(1_800_000);
    expect(calls).toEqual(['00:30:00 +2950000']);
  });
});
