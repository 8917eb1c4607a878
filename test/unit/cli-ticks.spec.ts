import { describe, expect, it } from '@jest/globals';
import { cli } from '../support/run-cli.js';

const ticks = (...args: string[]) => cli(['ticks', ...args]);

const berlin = ['--zone', 'Europe/Berlin'];

describe('ticks', () => {
  it('prints when a job runs, in both times, also around a change of the clocks', async () => {
    const { status, stdout } = await ticks(
      '0 3 * * *',
      ...berlin,
      '--from',
      '2026-10-24',
      '--to',
      '2026-10-26',
    );
    expect(status).toBe(0);
    expect(stdout).toBe(
      '2026-10-24T01:00:00Z  2026-10-24 03:00:00 +02:00\n2026-10-25T02:00:00Z  2026-10-25 03:00:00 +01:00\n',
    );
  });

  it('prints an array of ISO strings as JSON, from and to included', async () => {
    const range = ['--from', '2026-03-28T02:30', '--to', '2026-03-29T01:00:00Z'];
    const { status, stdout } = await ticks('30 2 * * *', ...berlin, ...range, '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(['2026-03-28T01:30:00.000Z', '2026-03-29T01:00:00.000Z']);
  });

  it('prints as many as it is asked for, ten by default, from now on', async () => {
    const before = Date.now();
    const { stdout } = await ticks('*/5 * * * * *', '--json');
    const instants = JSON.parse(stdout) as string[];
    expect(instants).toHaveLength(10);
    expect(Date.parse(instants[0] ?? '')).toBeGreaterThanOrEqual(before);
    const three = await ticks(
      '@daily',
      '--count',
      '3',
      '--from',
      '2026-01-01T12:00+02:00',
      '--zone',
      'utc-3:30',
    );
    expect(three.stdout.split('\n')[0]).toBe('2026-01-02T03:30:00Z  2026-01-02 00:00:00 -03:30');
    expect(three.stdout.trim().split('\n')).toHaveLength(3);
  });

  it('prints none of an expression that names no day', async () => {
    expect(await ticks('0 0 30 2 *')).toMatchObject({ status: 0, stdout: '' });
    expect(await ticks('0 0 30 2 *', '--json')).toMatchObject({ status: 0, stdout: '[]\n' });
  });

  it.each([
    [[], 'The cron expression is missing.'],
    [['0', '3', '*', '*', '*'], 'The command takes one expression, received "3" as well. Put it in quotes.'],
    [['0 25 * * *'], 'A cron expression must have 0 to 23 in the field hour'],
    [['0 3 * * *', '--zone', 'Europe/Atlantis'], 'A time zone must be one of the tz database'],
    [['0 3 * * *', '--from', 'tomorrow'], '--from must be a time such as 2026-10-25'],
    [['0 3 * * *', '--to', '2026-02-30'], '--to must be a time such as 2026-10-25'],
    [['0 3 * * *', '--to', '2026-13-01'], '--to must be a time such as 2026-10-25'],
    [['0 3 * * *', '--count', '0'], '--count must be a whole number from 1 to 100000, received "0".'],
    [['0 3 * * *', '--count', '1', '--to', '2026-01-01'], '--to and --count exclude each other.'],
    [['* * * * * *', '--from', '2026-01-01', '--to', '2027-01-01'], '--to must be earlier'],
    [['0 3 * * *', '--nope'], "Unknown option '--nope'"],
  ])('%j is refused with its usage', async (args, message) => {
    const { status, stdout, stderr } = await ticks(...args);
    expect([status, stdout]).toEqual([64, '']);
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage: nestjs-advisory-lock ticks <expression>');
  });

  it('helps', async () => {
    const { status, stdout } = await ticks('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('--zone <zone>');
  });
});
