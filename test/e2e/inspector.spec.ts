import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import {
  AdvisoryLockInspector,
  AdvisoryLockModule,
  AdvisoryLockService,
  ExclusiveCron,
  getAdvisoryLockToken,
} from 'nestjs-advisory-lock';
import { createLocks } from '../support/locks.js';
import { useTestDatabase } from '../support/test-database.js';
import { lockedApp, postgres, start } from './support/applications.js';

const database = useTestDatabase();

@Injectable()
class Reports {
  @ExclusiveCron('0 0 1 1 *')
  yearly(): Promise<void> {
    return Promise.resolve();
  }
}

describe('the inspector of an application', () => {
  it('can be injected, and knows the names of jobs that have never run here', async () => {
    const { app } = await start(
      lockedApp(database, { imports: [ScheduleModule.forRoot()], providers: [Reports] }),
    );
    const elsewhere = createLocks(database.url).service;
    await using lock = await elsewhere.acquire('Reports.yearly');
    const inspector = app.get(AdvisoryLockInspector);
    expect(await inspector.list()).toMatchObject([
      { name: 'Reports.yearly', key: { id: String(lock.key) }, isGranted: true },
    ]);
  });

  it('ends a holder, and says so in the log with the reason', async () => {
    const { app, log } = await start(lockedApp(database, {}));
    const elsewhere = createLocks(database.url).service;
    const lock = await elsewhere.acquire('import');
    const [pid] = await app.get(AdvisoryLockInspector).terminate('import', { reason: 'it hangs' });
    expect(log.matching(/^warn \[AdvisoryLockInspector\]/)).toEqual([
      `warn [AdvisoryLockInspector] Backend ${String(pid)}, which held the lock "import", was ended: it hangs`,
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
