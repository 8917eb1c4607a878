import { describe, expect, it } from '@jest/globals';
import { Injectable, type Type } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  AdvisoryLockEvents,
  currentTick,
  ExclusiveCron,
  ExclusiveInterval,
  ExclusiveTimeout,
} from 'nestjs-advisory-lock';
import { jitterOf } from '../../lib/jobs/run/steps/jitter.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { isHeld } from './support/advisory-locks.js';
import { lockedApp, start } from './support/applications.js';

const database = useTestDatabase({ connectionsMayStay: true });

const instance = (...jobs: Type[]) =>
  start(lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: jobs }));

describe('jitterMs', () => {
  it('begins each run once, at the moment that belongs to its tick', async () => {
    const ran: { at: number; begunAt: number }[] = [];

    @Injectable()
    class Reports {
      @ExclusiveCron('* * * * * *', { jitterMs: 900 })
      async write(): Promise<void> {
        ran.push({ at: Number(currentTick()?.at), begunAt: Date.now() });
        return Promise.resolve();
      }
    }
    await Promise.all([instance(Reports), instance(Reports)]);
    await until(() => ran.length >= 4, 'four runs');
    expect(new Set(ran.map(({ at }) => at)).size).toBe(ran.length);
    for (const { at, begunAt } of ran) {
      // A timer of Node may fire a millisecond early.
      const moment = at + jitterOf(`Reports.write#write@${at}`, 900);
      expect(begunAt).toBeGreaterThanOrEqual(moment - 1);
    }
  });

  it('holds up no shutdown, and leaves the tick out', async () => {
    const ran: string[] = [];

    @Injectable()
    class Reports {
      @ExclusiveCron('* * * * * *', { jitterMs: 86_400_000 })
      async write(): Promise<void> {
        ran.push('cron');
        return Promise.resolve();
      }

      @ExclusiveInterval(1_000, { jitterMs: 86_400_000 })
      async poll(): Promise<void> {
        ran.push('interval');
        return Promise.resolve();
      }

      @ExclusiveTimeout(5, { jitterMs: 86_400_000 })
      async once(): Promise<void> {
        ran.push('timeout');
        return Promise.resolve();
      }
    }
    const { app } = await instance(Reports);
    const skipped = new Set<string>();
    app.get(AdvisoryLockEvents).on('skipped', ({ method, reason }) => skipped.add(`${method} ${reason}`));
    const claims = async () => (await database.advisoryLocks()).length;
    await until(async () => (await claims()) >= 2, 'claims of a tick and of a period');
    expect(await isHeld(database, 'Reports.write')).toBe(false);
    await app.close();
    expect([...skipped].sort()).toEqual([
      'Reports.once shutdown',
      'Reports.poll shutdown',
      'Reports.write shutdown',
    ]);
    expect(ran).toEqual([]);
  });

  it('is spread over the whole time', () => {
    const moments = Array.from({ length: 1_000 }, (_, n) => jitterOf(`job@${n}`, 9));
    expect(new Set(moments).size).toBe(10);
    expect(Math.max(...moments)).toBe(9);
    expect(() => ExclusiveCron('* * * * *', { jitterMs: -1 })).toThrow(/jitterMs/);
  });
});
