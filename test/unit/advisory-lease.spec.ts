import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AdvisoryLease, type LeaseHome } from '../../lib/lease/advisory-lease.js';
import type { ExtensionRequest, LeaseTerm } from '../../lib/lease/lease-store.js';

const TTL_MS = 10_000;
/** A tenth of the time or a second, and the drift of the clocks. */
const MARGIN_MS = 1_010;

beforeEach(() => {
  jest.useFakeTimers({ now: 0 });
});
afterEach(() => {
  jest.useRealTimers();
});

const termOf = (ttlMs: number, sentAt = performance.now()): LeaseTerm => ({
  fencingToken: 7n,
  expiresAt: new Date(Date.now() + ttlMs),
  ttlMs,
  sentAt,
  leftMs: ttlMs,
});

const nothing = (): void => undefined;

function createLease(
  extend: (request: ExtensionRequest) => Promise<LeaseTerm | undefined>,
  { roundTripMs = 0, ttlMs = TTL_MS } = {},
) {
  const ended: string[] = [];
  const home: LeaseHome = {
    extend,
    end: ({ name }) => {
      ended.push(name);
      return Promise.resolve();
    },
    onRelease: nothing,
    onLost: nothing,
    onError: nothing,
  };
  const parts = { name: 'doc', fullName: 'shop:doc', token: 'token', tokenHash: 'hash', isDurable: true };
  const lease = new AdvisoryLease({ home, ...parts }, termOf(ttlMs, performance.now() - roundTripMs));
  return { lease, ended };
}

const extendsAlways = ({ ttlMs }: ExtensionRequest) => Promise.resolve(termOf(ttlMs));

describe('a lease', () => {
  it('is lost before its time is over, by the time since its statement was sent', () => {
    const { lease } = createLease(extendsAlways, { roundTripMs: 300 });
    const { signal } = lease;
    jest.advanceTimersByTime(TTL_MS - MARGIN_MS - 300 - 1);
    expect(signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', lockName: 'doc', key: 'shop:doc' });
  });

  it('is lost although no timer has run: the clock decides', async () => {
    const { lease, ended } = createLease(extendsAlways);
    jest.setSystemTime(0);
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + TTL_MS);
    expect(lease.signal.aborted).toBe(true);
    await expect(lease.extend()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await lease.release();
    expect(ended).toEqual([]);
    jest.restoreAllMocks();
  });

  it('lasts longer when it is extended, and shorter once a shorter extension is sent', async () => {
    let respond: (term: LeaseTerm) => void = () => undefined;
    const { lease } = createLease(
      () =>
        new Promise<LeaseTerm>((resolve) => {
          respond = resolve;
        }),
    );
    const { signal } = lease;
    const longer = lease.extend(60_000);
    await jest.advanceTimersByTimeAsync(0);
    respond(termOf(60_000));
    await longer;
    await jest.advanceTimersByTimeAsync(40_000);
    expect(signal.aborted).toBe(false);

    const shorter = lease.extend(1_000).catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(signal.aborted).toBe(true);
    respond(termOf(1_000));
    await expect(shorter).resolves.toMatchObject({ code: 'LOCK_LOST' });
  });

  it('keeps itself alive, through an outage too, until it is released', async () => {
    let isAway = false;
    let extensions = 0;
    const { lease, ended } = createLease((request) => {
      extensions += 1;
      return isAway ? Promise.reject(new Error('away')) : extendsAlways(request);
    });
    lease.keepAlive();
    await jest.advanceTimersByTimeAsync(10 * TTL_MS);
    isAway = true;
    await jest.advanceTimersByTimeAsync(TTL_MS / 2);
    isAway = false;
    await jest.advanceTimersByTimeAsync(10 * TTL_MS);
    expect(lease.signal.aborted).toBe(false);
    await lease.release();
    const before = extensions;
    await jest.advanceTimersByTimeAsync(10 * TTL_MS);
    expect(extensions).toBe(before);
    expect(ended).toEqual(['shop:doc']);
    expect(lease.signal.aborted).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is lost at once when an extension finds that it has ended', async () => {
    const { lease } = createLease(() => Promise.resolve(undefined));
    lease.keepAlive();
    const { signal } = lease;
    await jest.advanceTimersByTimeAsync(TTL_MS / 3);
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST' });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('of a year has timers that Node can run', () => {
    const { lease: year } = createLease(extendsAlways, { ttlMs: 365 * 24 * 3_600_000 });
    const { signal } = year;
    jest.advanceTimersByTime(364 * 24 * 3_600_000);
    expect(signal.aborted).toBe(false);
    jest.advanceTimersByTime(24 * 3_600_000);
    expect(signal.aborted).toBe(true);
  });

  it.each([0, 999, 1_000.5, 366 * 24 * 3_600_000 + 1, '5000', Infinity])(
    'refuses to be extended by %p',
    async (ttlMs) => {
      const { lease } = createLease(extendsAlways);
      await expect(lease.extend(ttlMs as number)).rejects.toMatchObject({ code: 'LOCK_CONFIGURATION' });
      expect(lease.signal.aborted).toBe(false);
      lease.lose('test');
    },
  );
});
