import { beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { once } from 'node:events';
import type { AdvisoryLockService } from '../../lib/nest/advisory-lock.service.js';
import type { Shares } from '../../lib/shares/shares.js';
import type { SharesOptions } from '../../lib/shares/shares.options.js';
import { Gate } from '../e2e/support/gate.js';
import { LogLines } from '../e2e/support/log-lines.js';
import { defer } from '../support/cleanup.js';
import { createLocks, type LocksOptions } from '../support/locks.js';
import { terminateHolders } from '../support/terminate-holders.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';

const database = useTestDatabase();
let log: LogLines;

beforeEach(() => {
  log = new LogLines();
  Logger.overrideLogger(log);
  defer(() => {
    Logger.overrideLogger(undefined as never);
  });
});

/** A service as of a process of its own. */
const ofProcess = (options?: LocksOptions): AdvisoryLockService => createLocks(database.url, options).service;

/** What all instances do with their shards: it fails the test when two own one at a time. */
class Audit {
  readonly moves: string[] = [];
  readonly overlaps: number[] = [];
  private readonly owners = new Map<number, string>();
  private readonly lastOwners = new Map<number, string>();

  options(who: string, of: number): SharesOptions {
    return {
      of,
      onGain: async (shard, signal) => {
        if (this.owners.has(shard)) this.overlaps.push(shard);
        this.owners.set(shard, who);
        const last = this.lastOwners.get(shard);
        if (last !== undefined) this.moves.push(`${last}>${who}`);
        this.lastOwners.set(shard, who);
        if (!signal.aborted) await once(signal, 'abort');
      },
      onLose: (shard) => void this.owners.delete(shard),
    };
  }
}

const owned = (shares: readonly Shares[]): number[] => shares.map((each) => each.owned.length);

const untilOwned = (shares: readonly Shares[], counts: readonly number[]): Promise<void> =>
  until(
    () => [...owned(shares)].sort().join() === [...counts].sort().join(),
    `instances own ${counts.join()} shards`,
  );

const waitForAbort = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await once(signal, 'abort');
};

describe('shares', () => {
  it('are even after each join and leave, and move only where they must', async () => {
    const audit = new Audit();
    const join = (who: string): Shares => ofProcess().shares('tenants', audit.options(who, 10));
    const a = join('a');
    await untilOwned([a], [10]);
    expect(a.owned).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const b = join('b');
    await untilOwned([a, b], [5, 5]);
    expect(audit.moves.splice(0)).toEqual(Array(5).fill('a>b'));
    const c = join('c');
    await untilOwned([a, b, c], [4, 3, 3]);
    const toC = audit.moves.splice(0);
    expect(toC).toHaveLength(c.owned.length);
    expect(toC.every((move) => move.endsWith('>c'))).toBe(true);

    const count = b.owned.length;
    await b.stop();
    expect(b.owned).toEqual([]);
    await untilOwned([a, c], [5, 5]);
    const fromB = audit.moves.splice(0);
    expect(fromB).toHaveLength(count);
    expect(fromB.every((move) => move.startsWith('b>'))).toBe(true);
    expect(audit.overlaps).toEqual([]);
    await Promise.all([a.stop(), c.stop()]);
    expect(await database.advisoryLocks()).toEqual([]);
    expect(log.matching(/^(warn|error)/)).toEqual([]);
  });

  it('are handed over when the body and onLose of the old owner have settled', async () => {
    const [first, second] = [ofProcess(), ofProcess()];
    const events: string[] = [];
    const gate = new Gate();
    await using mine = first.shares('tenants', {
      of: 2,
      onGain: async (shard, signal) => {
        await waitForAbort(signal);
        events.push(`${shard} ${(signal.reason as Error).name}`);
        await gate.pass();
        events.push(`${shard} settled`);
      },
      onLose: (shard) => void events.push(`${shard} lost`),
    });
    await untilOwned([mine], [2]);
    await using theirs = second.shares('tenants', {
      of: 2,
      onGain: (shard) => void events.push(`${shard} begins`),
    });
    await gate.reached;
    expect([mine.owned, theirs.owned]).toEqual([[0], []]);
    gate.open();
    await untilOwned([mine, theirs], [1, 1]);
    expect(events).toEqual(['1 AbortError', '1 settled', '1 lost', '1 begins']);
  });

  it('are worked on inside the lock of the shard, whose fencing token grows with each owner', async () => {
    const tokens: bigint[] = [];
    const take = async (): Promise<void> => {
      const service = ofProcess();
      await using shares = service.shares('tenants', {
        of: 1,
        onGain: async () => {
          tokens.push((await service.current()?.fencingToken()) ?? 0n);
        },
      });
      const count = tokens.length;
      await until(() => tokens.length > count, 'the body has a token');
      expect(shares.owned).toEqual([0]);
    };
    await take();
    await take();
    expect(tokens[1]).toBeGreaterThan(tokens[0] ?? 0n);
  });

  it('are taken again after the connection was lost, when the old body has settled', async () => {
    const reasons: string[] = [];
    let runs = 0;
    const shares = ofProcess().shares('tenants', {
      of: 3,
      onGain: async (_shard, signal) => {
        runs += 1;
        await waitForAbort(signal);
        reasons.push((signal.reason as { code?: string }).code ?? '');
      },
    });
    await untilOwned([shares], [3]);
    await terminateHolders(database);
    await until(() => runs === 6, 'all run again');
    expect(reasons).toEqual(['LOCK_LOST', 'LOCK_LOST', 'LOCK_LOST']);
    await shares.stop();
    expect(reasons).toHaveLength(6);
  });

  it('of another number wait until the last instance with the old number has left', async () => {
    const old = ofProcess().shares('tenants', { of: 2, onGain: (_shard, signal) => waitForAbort(signal) });
    await untilOwned([old], [2]);
    const next = ofProcess().shares('tenants', { of: 4, onGain: () => undefined });
    await until(() => log.matching(/another number than 4/).length > 0, 'it says what it waits for');
    expect([old.owned.length, next.owned.length]).toEqual([2, 0]);
    await old.stop();
    await untilOwned([next], [4]);
    await next.stop();
  });

  it('give up a shard whose body fails, for a moment', async () => {
    let runs = 0;
    const lost: number[] = [];
    const shares = ofProcess().shares('tenants', {
      of: 1,
      onGain: async (_shard, signal) => {
        runs += 1;
        if (runs === 1) throw new Error('boom');
        await waitForAbort(signal);
      },
      onLose: (shard) => void lost.push(shard),
    });
    await until(() => runs === 2 && shares.owned.length === 1, 'it runs again');
    expect(lost).toEqual([0]);
    expect(log.matching(/^error/)).toEqual([expect.stringContaining('The share 0 of "tenants" failed')]);
    await shares.stop();
  });

  it('are taken outside of the locks of the caller, and stopped by a signal', async () => {
    const service = ofProcess();
    const controller = new AbortController();
    const shares = await service.withLock('share:0/1:tenants', () =>
      service.shares('tenants', { of: 1, onGain: () => undefined, signal: controller.signal }),
    );
    await untilOwned([shares], [1]);
    controller.abort(new Error('enough'));
    await shares.over;
    expect([shares.owned, await database.advisoryLocks()]).toEqual([[], []]);
  });

  it('end when the application shuts down', async () => {
    const locks = createLocks(database.url);
    const shares = locks.service.shares('tenants', {
      of: 3,
      onGain: (_shard, signal) => waitForAbort(signal),
    });
    await untilOwned([shares], [3]);
    await locks.close(5_000);
    await shares.over;
    expect(shares.owned).toEqual([]);
    expect(() => locks.service.shares('tenants', { of: 3, onGain: () => undefined })).toThrow(
      expect.objectContaining({ code: 'LOCK_SHUTDOWN' }),
    );
  });
});

describe('shares refuse', () => {
  const onGain = (): void => undefined;
  it.each([
    ['no number', 'tenants', { onGain }, 'must have the option `of`'],
    ['no body', 'tenants', { of: 4 }, 'must have the option `onGain`'],
    ['too few', 'tenants', { of: 0, onGain }, 'a whole number from 1 to 1024, received the number 0'],
    ['too many', 'tenants', { of: 1_025, onGain }, 'a whole number from 1 to 1024'],
    [
      'a body that is none',
      'tenants',
      { of: 4, onGain: 'work' },
      '`onGain` of shares("tenants") must be a function',
    ],
    ['an unknown option', 'tenants', { of: 4, onGain, onWin: onGain }, 'unknown option `onWin`'],
    ['an empty name', '', { of: 4, onGain }, 'at least one character'],
    ['a key', 42, { of: 4, onGain }, 'The name of shares must be a string, received the number 42'],
  ])('%s', (_what, name, options, message) => {
    const call = (): unknown => ofProcess().shares(name as string, options as never);
    expect(call).toThrow(
      expect.objectContaining({
        code: 'LOCK_CONFIGURATION',
        message: expect.stringContaining(message) as unknown,
      }),
    );
  });

  it('a second call for one name, until the first has ended', async () => {
    const service = ofProcess();
    const first = service.shares('tenants', { of: 2, onGain });
    expect(() => service.shares('tenants', { of: 2, onGain })).toThrow(
      expect.objectContaining({ code: 'LOCK_CONFIGURATION' }),
    );
    await first.stop();
    await service.shares('tenants', { of: 2, onGain }).stop();
  });
});
