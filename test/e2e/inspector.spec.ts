import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  AdvisoryLockInspector,
  AdvisoryLockModule,
  AdvisoryLockService,
  ExclusiveCron,
  getAdvisoryLockToken,
  OnLeadership,
  WithAdvisoryLock,
} from 'nestjs-advisory-lock';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { lockedApp, postgres, start } from './support/applications.js';

const database = useTestDatabase();

@Injectable()
class Reports {
  @ExclusiveCron('0 0 1 1 *')
  yearly(): Promise<void> {
    return Promise.resolve();
  }
}

@Injectable()
class Decorated {
  @WithAdvisoryLock('rebuild')
  async rebuild(): Promise<void> {}

  @WithAdvisoryLock(['orders', 'stock'])
  async move(): Promise<void> {}

  @WithAdvisoryLock('archived', { connection: 'archive' })
  async archive(): Promise<void> {}

  @OnLeadership('feed')
  follow(): void {
    // It leads as long as the application lives.
  }
}

describe('the inspector of an application', () => {
  it('can be injected, and knows the names of jobs that have never run here', async () => {
    const { app } = await start(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Reports] }),
    );
    const otherService = createLocks(database.url).service;
    await using lock = await otherService.acquire('Reports.yearly');
    const inspector = app.get(AdvisoryLockInspector);
    expect(await inspector.list()).toMatchObject([
      { name: 'Reports.yearly', key: { id: String(lock.key) }, isGranted: true },
    ]);
  });

  it('knows the names that are written in decorators, of its own module', async () => {
    const { app } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'archive' }),
      ],
      providers: [Decorated],
    });
    const otherService = createLocks(database.url).service;
    await using locks = await otherService.acquire(['rebuild', 'orders', 'stock', 'archived']);
    const inspector = app.get(AdvisoryLockInspector);
    await until(async () => (await inspector.list()).length === 5, 'it leads');
    const names = (await inspector.list()).map(({ name }) => name);
    expect(names.sort()).toEqual(['feed', 'orders', 'rebuild', 'stock', undefined]);
    const archive = app.get<AdvisoryLockService>(getAdvisoryLockToken('archive'));
    expect(await new AdvisoryLockInspector(archive).list()).toContainEqual(
      expect.objectContaining({ name: 'archived' }),
    );
    locks.assertHeld();
  });

  it('lists the jobs and locks of other applications, by the names of their instances', async () => {
    const startAs = (instanceName: string) =>
      start({
        imports: [postgres(database), ScheduleModule.forRoot(), AdvisoryLockModule.forRoot({ instanceName })],
        providers: [Reports],
      });
    const [{ app }, { app: other }] = [await startAs('web-1'), await startAs('web-2')];
    await using lock = await other.get(AdvisoryLockService).acquire('by-hand');
    const { reports, locks, silent } = await app.get(AdvisoryLockInspector).fleet({ withinMs: 30_000 });
    expect(silent).toEqual([]);
    expect(locks).toMatchObject([
      {
        name: 'by-hand',
        instance: 'web-2',
        heldMs: expect.any(Number),
        backend: { applicationName: 'nestjs-advisory-lock web-2' },
      },
    ]);
    const jobs = [{ name: 'Reports.yearly', method: 'Reports.yearly', schedule: '0 0 1 1 *', ticks: [] }];
    expect(reports).toMatchObject([
      { instance: 'web-1', jobs },
      { instance: 'web-2', jobs },
    ]);
    lock.assertHeld();
  });

  it.each(['', 'web 1', 'wëb', 'x'.repeat(41), 7 as never])(
    'belongs to no instance with the name %p',
    async (instanceName) => {
      await expect(
        start({ imports: [postgres(database), AdvisoryLockModule.forRoot({ instanceName })] }),
      ).rejects.toMatchObject({
        code: 'LOCK_CONFIGURATION',
        message: expect.stringContaining('1 to 40 visible ASCII characters without spaces'),
      });
    },
  );

  it('ends a holder, and says so in the log with the reason', async () => {
    const { app, log } = await start(lockedApp(database, {}));
    const otherService = createLocks(database.url).service;
    const lock = await otherService.acquire('import');
    const [pid] = await app.get(AdvisoryLockInspector).terminate('import', { reason: 'it hangs' });
    const ending = `Backend ${String(pid)}, which held the lock "import", was ended: it hangs`;
    expect(log.matching(/^warn \[AdvisoryLockInspector\]/)).toEqual([
      `warn [AdvisoryLockInspector] ${ending}`,
    ]);
    if (!lock.signal.aborted) {
      await new Promise((resolve) => {
        lock.signal.addEventListener('abort', resolve);
      });
    }
    expect(lock.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('of a module with a name is made of its service, and has its namespace', async () => {
    const { app } = await start({
      imports: [
        postgres(database),
        AdvisoryLockModule.forRoot(),
        AdvisoryLockModule.forRoot({ name: 'archive', namespace: 'archive' }),
      ],
    });
    const archive = app.get<AdvisoryLockService>(getAdvisoryLockToken('archive'));
    await using lock = await archive.acquire('import');
    expect(await new AdvisoryLockInspector(archive).find('import')).toMatchObject([
      { key: { id: String(lock.key) } },
    ]);
    const inspector = app.get(AdvisoryLockInspector);
    expect(await inspector.find('import')).toEqual([]);
    expect(await inspector.list()).toHaveLength(1);
  });

  it('goes with its application', async () => {
    const { app } = await start(lockedApp(database, {}));
    const inspector = app.get(AdvisoryLockInspector);
    await app.close();
    await expect(inspector.list()).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
  });
});
