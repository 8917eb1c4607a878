import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AdvisoryLockEvents,
  AdvisoryLockService,
  currentTick,
  ExclusiveCron,
  ExclusiveInterval,
  type LockLostError,
} from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockedApp, start } from './support/applications.js';
import { Gate } from './support/gate.js';

const database = useTestDatabase({ connectionsMayStay: true });

const EACH_SECOND = '* * * * * *';

const withJob = (job: new (locks: AdvisoryLockService) => object) =>
  lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [job] });

interface Run {
  readonly tick: string;
  readonly began: number;
  ended: number;
  reason?: LockLostError;
}

describe("overlap: 'cancel'", () => {
  it('aborts the run in whichever instance it is, and begins when that has settled', async () => {
    const runs: Run[] = [];

    @Injectable()
    class Reports {
      constructor(private readonly locks: AdvisoryLockService) {}

      @ExclusiveCron(EACH_SECOND, { overlap: 'cancel' })
      async write(): Promise<void> {
        const lock = this.locks.current();
        const run: Run = {
          tick: String(currentTick()?.at.toISOString()),
          began: performance.now(),
          ended: NaN,
        };
        runs.push(run);
        try {
          await sleep(60_000, undefined, { ...(lock && { signal: lock.signal }) });
        } catch (error) {
          run.reason = lock?.signal.reason as LockLostError;
          await sleep(20);
          throw error;
        } finally {
          run.ended = performance.now();
        }
      }
    }
    const fleet = [await start(withJob(Reports)), await start(withJob(Reports))] as const;
    await until(() => runs.length > 3, 'four runs');
    for (const { app } of fleet)
      app
        .get(SchedulerRegistry)
        .getCronJobs()
        .forEach((job) => void job.stop());
    runs.slice(1).forEach((run, index) => {
      const before = runs[index];
      expect(before?.reason).toMatchObject({
        code: 'LOCK_LOST',
        message: expect.stringContaining('the next tick of the job is due'),
      });
      expect(run.began).toBeGreaterThanOrEqual(before?.ended ?? NaN);
    });
    expect(new Set(runs.map(({ tick }) => tick)).size).toBe(runs.length);
    const lines = fleet.flatMap(({ log }) => log.matching(/^(warn|error) .*cancel/));
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.join()).not.toMatch(/^error/);
  });

  it('begins when the grace of a run that does not settle is over; its lock is lost', async () => {
    const gate = new Gate();
    const held: (boolean | undefined)[] = [];

    @Injectable()
    class Reports {
      constructor(private readonly locks: AdvisoryLockService) {}

      @ExclusiveCron(EACH_SECOND, { overlap: 'cancel' })
      async write(): Promise<void> {
        const lock = this.locks.current();
        if (held.push(lock?.isHeld) > 1) return;
        await gate.pass();
        held.push(lock?.isHeld);
      }
    }
    const { app } = await start(withJob(Reports));
    await until(() => held.length > 1, 'a run beside it');
    gate.open();
    await until(() => held.length > 2 && held.includes(false), 'its end');
    expect(held[0]).toBe(true);
    expect(await app.get(AdvisoryLockService).isLocked('nothing')).toBe(false);
  });

  it("is refused with tick: 'none'", () => {
    expect(() => ExclusiveCron(EACH_SECOND, { overlap: 'cancel', tick: 'none' })).toThrow(
      "must not be 'cancel' with tick: 'none'",
    );
  });
});

describe("@ExclusiveInterval with every: 'delay'", () => {
  it('starts a run so long after the end of the last one, also after a take-over', async () => {
    const runs: { began: number; ended: number; instance: object }[] = [];
    const DELAY_MS = 300;

    @Injectable()
    class Poller {
      @ExclusiveInterval(DELAY_MS, { every: 'delay' })
      async poll(): Promise<void> {
        const run = { began: performance.now(), ended: NaN, instance: this };
        runs.push(run);
        await sleep(50);
        run.ended = performance.now();
      }
    }
    const fleet = [await start(withJob(Poller)), await start(withJob(Poller))] as const;
    const skips: unknown[] = [];
    for (const { app } of fleet) app.get(AdvisoryLockEvents).on('skipped', (event) => skips.push(event));
    await until(() => runs.length > 3, 'four runs');
    const ranBy = () => runs.at(-1)?.instance;
    const first = fleet.find(({ app }) => app.get(Poller) === ranBy());
    await first?.app.close();
    const before = ranBy();
    await until(() => ranBy() !== before, 'a run in the other instance');
    const gaps = runs.slice(1).map(({ began }, index) => began - (runs[index]?.ended ?? NaN));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(DELAY_MS);
    expect(new Set(runs.slice(0, -1).map((run) => run.instance)).size).toBe(1);
    expect(skips).toEqual([]);
  });

  it('is refused with another word', () => {
    const decorate = ExclusiveInterval as unknown as (ms: number, options: object) => void;
    expect(() => {
      decorate(1_000, { every: 'end' });
    }).toThrow('`every` of @ExclusiveInterval');
  });
});
