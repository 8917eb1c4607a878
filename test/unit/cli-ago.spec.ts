import { describe, expect, it } from '@jest/globals';
import { clockTime, sinceWhen } from '../../lib/cli/ago.js';
import { formatDuration } from '../../lib/inspection/format-duration.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('how long', () => {
  it.each([
    [-3, '0 ms'],
    [340.4, '340 ms'],
    [999.4, '999 ms'],
    [12.9 * SECOND, '12s'],
    [3 * MINUTE + 12 * SECOND, '3m 12s'],
    [5 * MINUTE, '5m'],
    [HOUR - 1, '59m 59s'],
    [2 * HOUR + 5 * MINUTE + 59 * SECOND, '2h 5m'],
    [4 * DAY + 3 * HOUR, '4d 3h'],
    [400 * DAY, '400d'],
  ])('%d ms are %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('a moment', () => {
  const now = new Date(2026, 10, 22, 12, 3, 15);

  it('of today is a time of day', () => {
    expect(clockTime(new Date(2026, 10, 22, 9, 0, 3), now)).toBe('09:00:03');
    expect(sinceWhen(new Date(2026, 10, 22, 12, 0, 3), now)).toBe('12:00:03 (3m 12s)');
  });

  it('of another day has its date', () => {
    expect(clockTime(new Date(2026, 10, 2, 9, 0, 3), now)).toBe('2026-11-02 09:00:03');
  });
});
