import { expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { AdvisoryLockModule, ExclusiveCron, ExclusiveInterval, WithAdvisoryLock } from 'nestjs-advisory-lock';
import { postgres, start } from '../e2e/support/applications.js';
import { defer } from '../support/cleanup.js';
import { useTestDatabase } from '../support/test-database.js';
import { until } from '../support/until.js';
import { startProxy } from './support/tcp-proxy.js';

const database = useTestDatabase();

it('an outage is one warning with the names of the jobs, and one line when they run again', async () => {
  let runs = 0;

  @Injectable()
  class Reports {
    @ExclusiveCron('* * * * * *')
    async write(): Promise<void> {
      runs += 1;
      return Promise.resolve();
    }

    // Two ticks that waited for the connection together would refuse each other the lock.
    @ExclusiveCron('*/2 * * * * *', { tick: 'none', onBusy: 'throw' })
    async check(): Promise<void> {}

    @ExclusiveInterval(100)
    async poll(): Promise<void> {}

    @WithAdvisoryLock('by hand')
    async byHand(): Promise<void> {}
  }
  const proxy = await startProxy(database.url);
  defer(() => proxy.close());
  const locks = AdvisoryLockModule.forRoot({ connectionOptions: { url: proxy.url(database.url) } });
  const { app, log } = await start({
    imports: [postgres(database), ScheduleModule.forRoot(), locks],
    providers: [Reports],
  });
  await until(() => runs > 0, 'a run');

  await proxy.refuse();
  proxy.cut();
  await until(() => log.matching(/Ticks are left out/).length > 0, 'the warning');
  // Each job has come due by then, most of them several times.
  await expect(app.get(Reports).byHand()).rejects.toMatchObject({ code: 'LOCK_CONNECTION' });
  const before = Date.now();
  await until(() => Date.now() > before + 2_500, 'more ticks');
  // But for runs that the outage has interrupted.
  expect(log.matching(/^error(?!.*LockLostError)/)).toEqual([]);
  expect(log.matching(/Ticks are left out/)).toEqual([
    expect.stringMatching(
      /^warn \[AdvisoryLock\] Ticks are left out while no lock can be taken, of (?=.*Reports\.write)(?=.*Reports\.check)(?=.*Reports\.poll).*(could not be reached|the connection failed)/,
    ),
  ]);

  const runsBefore = runs;
  await proxy.accept();
  await until(() => runs > runsBefore, 'a run after the outage');
  expect(log.matching(/Jobs run again/)).toEqual([
    expect.stringMatching(
      /^log \[AdvisoryLock\] Jobs run again: \d+ ticks were left out here in \d+(s| ms)$/,
    ),
  ]);
  expect(log.matching(/^error(?!.*LockLostError)|^warn .* {2}at /)).toEqual([]);
});
