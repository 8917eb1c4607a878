import { describe, expect, it } from '@jest/globals';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { AdvisoryLockService, currentTick } from 'nestjs-advisory-lock';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { isHeld } from './support/advisory-locks.js';
import { lockedApp, start } from './support/applications.js';

const database = useTestDatabase({ connectionsMayStay: true });
const EACH_SECOND = '* * * * * *';

const instance = () => start(lockedApp(database, { imports: [ScheduleModule.forRoot()] }));

describe('an exclusive job that is made at run time', () => {
  it('runs each tick in one of the instances that have it, until they remove it', async () => {
    const instances = [await instance(), await instance()];
    const runs: string[] = [];
    for (const { app } of instances) {
      await app.get(AdvisoryLockService).exclusiveJob('invoice:7', EACH_SECOND, async () => {
        expect(await isHeld(database, 'invoice:7')).toBe(true);
        const tick = currentTick();
        runs.push(`${tick?.name} ${tick?.at.toISOString()}`);
      });
    }
    await until(() => runs.length >= 3, 'three runs');
    expect(new Set(runs).size).toBe(runs.length);
    expect(runs[0]).toMatch(/^invoice:7 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
    for (const { app } of instances) {
      const registry = app.get(SchedulerRegistry);
      expect([...registry.getCronJobs().keys()]).toEqual(['invoice:7']);
      registry.deleteCronJob('invoice:7');
    }
  });

  it('runs inside the leadership whose body has made it, under the name of that, too', async () => {
    const locks = (await instance()).app.get(AdvisoryLockService);
    let runs = 0;
    const leadership = locks.lead('feed', async () => {
      await locks.exclusiveJob('feed', EACH_SECOND, () => {
        locks.assertHeld('feed');
        runs += 1;
      });
    });
    await until(() => runs > 0, 'a run');
    await leadership.stop();
  });

  it('logs what it throws, and goes on', async () => {
    const { app, log } = await instance();
    let runs = 0;
    await app.get(AdvisoryLockService).exclusiveJob('broken', EACH_SECOND, () => {
      runs += 1;
      throw new Error(`no. ${runs}`);
    });
    await until(() => runs >= 2, 'a second run');
    expect(log.matching(/no\. 1/)).toHaveLength(1);
  });

  it('is refused without a scheduler, with a wrong option and under a name that is taken', async () => {
    const without = await start(lockedApp(database, {}));
    const job = (): void => undefined;
    await expect(
      without.app.get(AdvisoryLockService).exclusiveJob('job', EACH_SECOND, job),
    ).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
    const { app } = await instance();
    const locks = app.get(AdvisoryLockService);
    await expect(locks.exclusiveJob('job', EACH_SECOND, job, { claimMs: 1 })).rejects.toMatchObject({
      code: 'LOCK_CONFIGURATION',
    });
    await expect(locks.exclusiveJob('job', 'never', job)).rejects.toThrow();
    await locks.exclusiveJob('job', '0 0 29 2 *', job);
    await expect(locks.exclusiveJob('job', EACH_SECOND, job)).rejects.toThrow(/job/);
    expect(app.get(SchedulerRegistry).getCronJobs().size).toBe(1);
  });
});
