import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { PoolMonitor, SILENT_LOG } from '../../lib/core/index.js';

/** A pool of two connections, for which some callers wait. */
function poolWith(waitingCount: number): DataSource {
  return { driver: { master: { options: { max: 2 }, waitingCount } } } as unknown as DataSource;
}

function monitor() {
  const warn = jest.fn();
  return { warn, pools: new PoolMonitor({ ...SILENT_LOG, warn }) };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('the monitor of the pool', () => {
  it('warns once a minute while all connections wait for locks and callers wait for a connection', () => {
    const { warn, pools } = monitor();
    const pool = poolWith(3);
    const ends = [pools.begin(pool, 'import'), pools.begin(pool, 'report')];
    jest.advanceTimersByTime(59_000);
    expect(warn.mock.calls).toEqual([[expect.stringContaining('All 2 connections')]]);
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/"import", "report".* 3 more callers/));
    jest.advanceTimersByTime(60_000);
    expect(warn).toHaveBeenCalledTimes(2);
    for (const end of ends) end();
    jest.advanceTimersByTime(120_000);
    expect(warn).toHaveBeenCalledTimes(2);
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each([
    ['no caller waits for a connection', poolWith(0), 2],
    ['a connection is left', poolWith(3), 1],
    ['the driver does not show its pool', { driver: {} } as unknown as DataSource, 2],
  ])('does not warn when %s', (_, pool, count) => {
    const { warn, pools } = monitor();
    for (let wait = 0; wait < count; wait += 1) pools.begin(pool, 'import');
    jest.advanceTimersByTime(5_000);
    expect(warn).not.toHaveBeenCalled();
  });
});
